namespace ModelPort.Build;

/// <summary>The request file of one port.</summary>
internal static class WorkerRequest
{
    /// <summary>The request as JSON.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="outputDirectory">The absolute path of the port's folder.</param>
    /// <param name="parentProcessId">The process whose end shall end the worker.</param>
    public static string ToJson(PortOptions options, string outputDirectory, int parentProcessId) => RequestJson.Write(writer =>
    {
        writer.WriteText("project", options.Project);
        writer.WriteText("item", options.Item);
        writer.WriteText("source", options.Source);
        writer.WriteText("name", options.Name);
        writer.WriteText("outputDirectory", outputDirectory);
        writer.WriteTexts("metadata", options.Metadata);
        writer.WriteTexts("properties", options.Properties);
        writer.WriteNumber("parentProcessId", parentProcessId);
    });
}
