using System.Net;
using System.Net.Sockets;

namespace Rollup.ProverBridge.Tests;

/// <summary>Passes connections on to an endpoint, and can be taken away and put back on the same port.</summary>
internal sealed class TcpRelay(Uri target) : IDisposable
{
    private readonly List<TcpClient> clients = [];
    private TcpListener? listener;
    private int port;

    public Uri Endpoint => new($"http://127.0.0.1:{port}");

    public void Open()
    {
        listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _ = AcceptAsync(listener);
    }

    public void Close()
    {
        listener?.Stop();
        listener = null;
        lock (clients)
        {
            clients.ForEach(c => c.Dispose());
            clients.Clear();
        }
    }

    public void Dispose() => Close();

    private async Task AcceptAsync(TcpListener accepting)
    {
        try
        {
            while (true)
            {
                TcpClient near = await accepting.AcceptTcpClientAsync(), far = new();
                await far.ConnectAsync(IPAddress.Loopback, target.Port);
                lock (clients) clients.AddRange([near, far]);
                _ = CopyAsync(near, far);
                _ = CopyAsync(far, near);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private static async Task CopyAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream());
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Closed.
        }

        from.Dispose();
        to.Dispose();
    }
}
