using System.Text.Json;
using ModelPort.Diagnostics;

namespace ModelPort.Tool;

/// <summary>Reads the files by which the build asks the worker for something.</summary>
internal static class RequestFile
{
    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, RespectNullableAnnotations = true };
    private static readonly JsonSerializerOptions Complete = new(Format) { RespectRequiredConstructorParameters = true };

    /// <summary>Reads a request of this version's protocol.</summary>
    /// <param name="path">The file.</param>
    /// <param name="protocol">The protocol that a request says it is of.</param>
    /// <param name="isComplete">Whether every member must be there that has no default.</param>
    /// <exception cref="ModelPortException">MP9009: it cannot be used.</exception>
    public static T Read<T>(string path, Func<T, int> protocol, bool isComplete)
        where T : class
    {
        try
        {
            var request = JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), isComplete ? Complete : Format) ?? throw new ModelPortException(Diagnose.BadRequest(path, "it is empty"));
            return protocol(request) == WorkerRequest.CurrentProtocol
                ? request
                : throw new ModelPortException(Diagnose.BadRequest(path, $"protocol {protocol(request)}, this tool speaks {WorkerRequest.CurrentProtocol}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ModelPortException(Diagnose.BadRequest(path, e.Message), e);
        }
    }
}
