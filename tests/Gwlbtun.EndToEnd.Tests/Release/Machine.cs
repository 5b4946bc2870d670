using System.Buffers.Binary;
using System.Reflection.PortableExecutable;

namespace Gwlbtun.EndToEnd.Tests.Release;

/// <summary>For which processor a file is.</summary>
internal static class Machine
{
    // e_machine of elf(5), elf.h.
    public const ushort ElfX64 = 62; // EM_X86_64
    public const ushort ElfArm64 = 183; // EM_AARCH64

    // The machine of a ReadyToRun image is that of its processor, XORed with a number for the operating system (docs/design/coreclr/botr/readytorun-format.md of
    // dotnet/runtime).
    private const ushort Linux = 0x7B79;
    public const ushort ReadyToRunX64 = 0x8664 ^ Linux;
    public const ushort ReadyToRunArm64 = 0xAA64 ^ Linux;

    private static ReadOnlySpan<byte> Magic => [0x7F, (byte)'E', (byte)'L', (byte)'F'];

    /// <summary>The machine of an ELF file; null when the file is not one.</summary>
    public static ushort? OfElf(string file)
    {
        const int machineOffset = 18;
        Span<byte> header = stackalloc byte[machineOffset + sizeof(ushort)];
        using var stream = File.OpenRead(file);
        return stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length && header.StartsWith(Magic)
            ? BinaryPrimitives.ReadUInt16LittleEndian(header[machineOffset..])
            : null;
    }

    /// <summary>The machine of an assembly with code for one; null when it has none.</summary>
    public static ushort? OfReadyToRun(string assembly)
    {
        using var reader = new PEReader(File.OpenRead(assembly));
        return reader.PEHeaders.CorHeader is { ManagedNativeHeaderDirectory.Size: > 0 } ? (ushort)reader.PEHeaders.CoffHeader.Machine : null;
    }
}
