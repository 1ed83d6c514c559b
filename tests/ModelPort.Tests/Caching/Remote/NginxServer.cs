using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ModelPort.Tests.Caching.Remote;

/// <summary>nginx with its dav module and a configuration of its own, in a folder of its own, on a free port.</summary>
internal sealed class NginxServer : IDisposable
{
    private readonly Process _process;

    private NginxServer(Process process, string url, string root)
    {
        _process = process;
        Url = url;
        Root = root;
    }

    public string Url { get; }

    /// <summary>The folder that it serves.</summary>
    public string Root { get; }

    /// <summary>Starts it, or skips the test where it is not installed.</summary>
    /// <param name="folder">A folder for all that it writes.</param>
    /// <param name="limits">Directives of the location, such as limits.</param>
    public static async Task<NginxServer> Start(string folder, string limits = "client_max_body_size 0;")
    {
        var program = new[] { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx" }.FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, "nginx is missing: install it with 'apt-get install nginx-light' (or any build with ngx_http_dav_module).");
        var root = Directory.CreateDirectory(Path.Combine(folder, "served")).FullName;
        // nginx started by root works as another user otherwise, who may not look into a temporary folder.
        var user = Environment.IsPrivilegedProcess ? "user root;" : "";
        var port = FreePort();
        var configuration = Path.Combine(folder, "nginx.conf");
        File.WriteAllText(configuration, string.Create(CultureInfo.InvariantCulture, $$"""
            {{user}}
            daemon off;
            pid "{{folder}}/nginx.pid";
            error_log "{{folder}}/error.log";
            events { }
            http {
              access_log off;
              client_body_temp_path "{{folder}}/body";
              proxy_temp_path "{{folder}}/proxy";
              fastcgi_temp_path "{{folder}}/fastcgi";
              uwsgi_temp_path "{{folder}}/uwsgi";
              scgi_temp_path "{{folder}}/scgi";
              server {
                listen 127.0.0.1:{{port}};
                location / {
                  root "{{root}}";
                  dav_methods PUT;
                  create_full_put_path on;
                  {{limits}}
                }
              }
            }
            """));
        var process = Process.Start(new ProcessStartInfo(program!, ["-c", configuration, "-p", folder, "-e", Path.Combine(folder, "error.log")]) { RedirectStandardError = true })!;
        await Listening(process, port);
        return new NginxServer(process, string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"), root);
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task Listening(Process process, int port)
    {
        for (; ; )
        {
            Assert.False(process.HasExited, process.HasExited ? await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken) : "");
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }
    }
}
