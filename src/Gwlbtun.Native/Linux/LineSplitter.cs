using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>Cuts a stream of bytes into lines of bounded length.</summary>
/// <param name="onLine">Called for each line, without its end.</param>
internal sealed class LineSplitter(Action<string> onLine)
{
    /// <summary>Bytes after which a line is cut, so that a program that never ends its line cannot fill our memory.</summary>
    internal const int MaximumLength = 2048;

    private readonly byte[] _line = new byte[MaximumLength];
    private int _length;

    internal void Add(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            if (b == '\n')
            {
                Emit();
                continue;
            }
            if (_length == MaximumLength)
                Emit();
            _line[_length++] = b;
        }
    }

    /// <summary>Hands over a last line that has no end.</summary>
    internal void Flush()
    {
        if (_length > 0)
            Emit();
    }

    private void Emit()
    {
        onLine(Encoding.UTF8.GetString(_line, 0, _length).TrimEnd('\r'));
        _length = 0;
    }
}
