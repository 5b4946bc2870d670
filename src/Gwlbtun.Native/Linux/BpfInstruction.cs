using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary><c>struct bpf_insn</c> (linux/bpf.h): one eBPF instruction (RFC 9669). Named after what the kernel's own listings show.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct BpfInstruction
{
    private const byte LoadAbsolute = 0x20;
    private const byte LoadMemoryWord = 0x61;
    private const byte Alu = 0x04;
    private const byte Alu64 = 0x07;
    private const byte FromRegister = 0x08;
    private const byte Jump = 0x05;
    private const byte JumpIfEqual = 0x10 | Jump;
    private const byte JumpUnlessEqual = 0x50 | Jump;
    private const byte End = 0x90 | Jump;

    public readonly byte Code;
    public readonly byte Registers;
    public readonly short Offset;
    public readonly int Immediate;

    private BpfInstruction(byte code, int destination, int source, int offset, int immediate)
    {
        Code = code;
        Registers = (byte)(destination | (source << 4));
        Offset = (short)offset;
        Immediate = immediate;
    }

    /// <summary>Arithmetic on 32 bits.</summary>
    public enum Operation : byte
    {
        Add = 0x00,
        And = 0x50,
        ShiftRight = 0x70,
        Multiply = 0x20,
        Xor = 0xa0,
        Move = 0xb0,
    }

    /// <summary>Bytes that <see cref="Packet"/> loads.</summary>
    public enum Size : byte
    {
        Word = 0x00,
        Half = 0x08,
        Byte = 0x10,
    }

    /// <summary>r0 = bytes of the packet from an offset on, as a big-endian number. Needs the context in r6; a packet that is too short ends the program with 0.</summary>
    public static BpfInstruction Packet(Size size, int offset) => new((byte)(LoadAbsolute | (byte)size), 0, 0, 0, offset);

    /// <summary>dst = a word of the context, which is in <paramref name="context"/>.</summary>
    public static BpfInstruction Field(int destination, int context, int offset) => new(LoadMemoryWord, destination, context, offset, 0);

    /// <summary>dst = src, all 64 bits.</summary>
    public static BpfInstruction Copy(int destination, int source) => new((byte)Operation.Move | FromRegister | Alu64, destination, source, 0, 0);

    /// <summary>dst = dst OP immediate.</summary>
    public static BpfInstruction Compute(Operation operation, int destination, int immediate) => new((byte)((byte)operation | Alu), destination, 0, 0, immediate);

    /// <summary>dst = dst OP src.</summary>
    public static BpfInstruction ComputeFrom(Operation operation, int destination, int source) => new((byte)((byte)operation | FromRegister | Alu), destination, source, 0, 0);

    /// <summary>Skips so many instructions.</summary>
    public static BpfInstruction Skip(int instructions) => new(Jump, 0, 0, instructions, 0);

    /// <summary>Skips so many instructions if dst is equal to the immediate.</summary>
    public static BpfInstruction SkipIf(int destination, int immediate, int instructions) => new(JumpIfEqual, destination, 0, instructions, immediate);

    /// <summary>Skips so many instructions unless dst is equal to the immediate.</summary>
    public static BpfInstruction SkipUnless(int destination, int immediate, int instructions) => new(JumpUnlessEqual, destination, 0, instructions, immediate);

    /// <summary>Ends the program with r0.</summary>
    public static BpfInstruction Exit() => new(End, 0, 0, 0, 0);
}
