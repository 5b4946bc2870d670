namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>Where things stand in a datagram that was written.</summary>
internal struct Datagram
{
    public int Length;

    /// <summary>Bytes of the headers that each of its fragments repeats: the IPv4 header, or IPv6's up to where the fragment header goes.</summary>
    public int FixedLength;

    /// <summary>Over IPv6, where the fixed headers name the one after them.</summary>
    public int NextHeaderAt;

    /// <summary>Where the upper-layer header begins.</summary>
    public int UpperOffset;

    /// <summary>Where an atomic fragment header stands, and where the header before names it; 0 is none.</summary>
    public int AtomicAt, AtomicNextHeaderAt;

    /// <summary>Whether it is sent in fragments.</summary>
    public bool IsToFragment;

    /// <summary>Bytes that are spread over the fragments.</summary>
    public readonly int FragmentableLength => Length - FixedLength;
}
