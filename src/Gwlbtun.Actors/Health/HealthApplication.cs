using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Gwlbtun.Actors.Health;

/// <summary>What the health endpoint does with a request, whatever it asks for.</summary>
internal sealed class HealthApplication(HealthAnswers answers, HealthOptions options) : IHttpApplication<IFeatureCollection>
{
    private readonly string _contentType = options.Format == ReportFormat.Json ? "application/json" : "text/html";

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public async Task ProcessRequestAsync(IFeatureCollection context)
    {
        var answer = await answers.GetAsync().ConfigureAwait(false);
        var response = context.GetRequiredFeature<IHttpResponseFeature>();
        response.StatusCode = answer.Healthy ? 200 : 503;
        response.Headers.CacheControl = "max-age=0, no-cache";
        response.Headers.ContentType = _contentType;
        response.Headers.ContentLength = answer.Body.Length;
        if (!answer.Body.IsEmpty)
            await context.GetRequiredFeature<IHttpResponseBodyFeature>().Writer.WriteAsync(answer.Body).ConfigureAwait(false);
    }

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }
}
