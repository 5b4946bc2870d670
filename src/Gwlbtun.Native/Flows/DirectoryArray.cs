using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Flows;

/// <summary>An array of 2^depth segment pointers in native memory; the pointers follow this header.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DirectoryArray
{
    public int Depth;

    /// <summary>The array that this one replaced, kept for readers who are late.</summary>
    public DirectoryArray* Previous;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref nint At(DirectoryArray* array, ulong index) => ref ((nint*)(array + 1))[index];

    public static long SizeInBytes(int depth) => sizeof(DirectoryArray) + ((long)sizeof(nint) << depth);

    /// <summary>An array whose pointers are not set, or null when there is no memory.</summary>
    public static DirectoryArray* TryCreate(int depth, DirectoryArray* previous)
    {
        try
        {
            var array = (DirectoryArray*)NativeMemory.Alloc((nuint)SizeInBytes(depth));
            array->Depth = depth;
            array->Previous = previous;
            return array;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>Twice the array, each pointer standing for both halves of what it stood for.</summary>
    public static DirectoryArray* TryDouble(DirectoryArray* array)
    {
        DirectoryArray* twice = TryCreate(array->Depth + 1, previous: array);
        if (twice == null)
            return null;

        for (ulong i = 0; i < 1ul << array->Depth; i++)
            At(twice, 2 * i) = At(twice, (2 * i) + 1) = At(array, i);
        return twice;
    }

    /// <summary>Frees it and all that it replaced.</summary>
    public static void Free(DirectoryArray* array)
    {
        while (array != null)
        {
            DirectoryArray* previous = array->Previous;
            NativeMemory.Free(array);
            array = previous;
        }
    }
}
