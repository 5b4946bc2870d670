using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary>Where a run's summary goes.</summary>
internal static class Summary
{
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the text to standard output, and the JSON to a file; or the JSON alone to standard output.</summary>
    /// <param name="path">A file, <c>-</c>, or null for no JSON.</param>
    /// <param name="json">The summary.</param>
    /// <param name="writeText">Writes it in words.</param>
    public static void Write(string? path, object json, Action<TextWriter> writeText)
    {
        if (path == "-")
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(json, _json));
            return;
        }

        writeText(Console.Out);
        if (path is not null)
            File.WriteAllText(path, JsonSerializer.Serialize(json, _json) + '\n');
    }
}
