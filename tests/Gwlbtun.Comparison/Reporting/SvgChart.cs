using System.Globalization;
using System.Text;
using Gwlbtun.Comparison.Measuring;

namespace Gwlbtun.Comparison.Reporting;

/// <summary>
/// The report as a picture: for each case the throughput and the handler's CPU time for each packet, as bars. A case has a scale of its own; the
/// figures stand beside the bars.
/// </summary>
internal static class SvgChart
{
    private const int LabelWidth = 150;
    private const int PanelWidth = 400;
    private const int BarWidth = 240;
    private const int BarHeight = 14;
    private const int CaseGap = 14;
    private const int Top = 66;
    private const int Width = LabelWidth + 2 * PanelWidth;

    private static readonly (string Subject, string Colour)[] _subjects = [(Subject.Ours, "#1f6feb"), (Subject.Peer, "#b0713a"), (Subject.Floor, "#9aa4ae")];

    private static readonly (Metric Metric, string Title)[] _panels = [(Metric.Throughput, "thousand packets/s (more is better)"), (Metric.Handler, "handler CPU, µs a packet (less is better)")];

    public static string Draw(BenchmarkReport report)
    {
        StringBuilder body = new();
        int y = Top;
        foreach (CaseReport one in report.Cases)
            y = DrawCase(body, one, y) + CaseGap;

        StringBuilder svg = new();
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {y}" width="{Width}" height="{y}" font-family="sans-serif" font-size="11">""");
        svg.AppendLine("""<rect width="100%" height="100%" fill="#ffffff"/>""");
        Text(svg, 8, 18, report.Method);
        for (int i = 0; i < _subjects.Length; i++)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{8 + i * 70}" y="28" width="10" height="10" fill="{_subjects[i].Colour}"/>""");
            Text(svg, 22 + i * 70, 37, _subjects[i].Subject);
        }

        for (int i = 0; i < _panels.Length; i++)
            Text(svg, LabelWidth + i * PanelWidth, Top - 10, _panels[i].Title);
        svg.Append(body).AppendLine("</svg>");
        return svg.ToString();
    }

    private static int DrawCase(StringBuilder svg, CaseReport report, int y)
    {
        (string Subject, string Colour)[] subjects = [.. _subjects.Where(one => report.Runs.ContainsKey(one.Subject))];
        Text(svg, 8, y + BarHeight - 3, report.Label);
        for (int panel = 0; panel < _panels.Length; panel++)
        {
            Metric metric = _panels[panel].Metric;
            double scale = subjects.Max(one => report.Median(one.Subject, metric) ?? 0);
            for (int i = 0; i < subjects.Length; i++)
            {
                if (report.Median(subjects[i].Subject, metric) is not { } value)
                    continue;
                int x = LabelWidth + panel * PanelWidth, top = y + i * BarHeight;
                double width = scale == 0 ? 0 : value / scale * BarWidth;
                svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{x}" y="{top}" width="{width:0.0}" height="{BarHeight - 2}" fill="{subjects[i].Colour}"/>""");
                string ratio = subjects[i].Subject == Subject.Ours && report.Ratio(metric) is { } times ? times.ToString(" (0.00 × peer)", CultureInfo.InvariantCulture) : "";
                Text(svg, x + (int)width + 4, top + BarHeight - 4, value.ToString(metric.Format, CultureInfo.InvariantCulture) + ratio);
            }
        }

        return y + subjects.Length * BarHeight;
    }

    private static void Text(StringBuilder svg, int x, int y, string text) =>
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{x}" y="{y}">{System.Security.SecurityElement.Escape(text)}</text>""");
}
