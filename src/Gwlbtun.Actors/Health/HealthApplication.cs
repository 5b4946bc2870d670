using Gwlbtun.Actors.Configuration;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gwlbtun.Actors.Health;

/// <summary>What the health endpoint does with a request, whatever it asks for.</summary>
internal sealed class HealthApplication(HealthAnswers answers, HealthSettings settings) : IHttpApplication<IFeatureCollection>
{
    // Kestrel takes over all of a write before it looks at how fast the client reads; in pieces, a slow client holds
    // little of a long report.
    private const int PieceLength = 32 * 1024;

    private readonly string _contentType = settings.Format == HealthFormat.Json ? "application/json" : "text/html";

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public async Task ProcessRequestAsync(IFeatureCollection context)
    {
        var response = context.GetRequiredFeature<IHttpResponseFeature>();
        if (HttpMethods.IsConnect(context.GetRequiredFeature<IHttpRequestFeature>().Method))
        {
            // A 2xx would promise a tunnel (RFC 9110 section 9.3.6).
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return;
        }

        var answer = await answers.GetAsync().ConfigureAwait(false);
        response.StatusCode = answer.Healthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        response.Headers.CacheControl = "max-age=0, no-cache";
        response.Headers.ContentType = _contentType;
        response.Headers.ContentLength = answer.Body.Length;
        var body = context.GetRequiredFeature<IHttpResponseBodyFeature>().Writer;
        for (var rest = answer.Body; !rest.IsEmpty; rest = rest[Math.Min(PieceLength, rest.Length)..])
        {
            var written = await body.WriteAsync(rest[..Math.Min(PieceLength, rest.Length)]).ConfigureAwait(false);
            if (written.IsCompleted)
                return;
        }
    }

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }
}
