using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Lifecycle;

/// <summary>What a hook is told about: an endpoint and the devices that belong to it.</summary>
/// <param name="EniId">The endpoint.</param>
/// <param name="InInterface">The device that inner packets come out of: <c>gwi-X</c>.</param>
/// <param name="OutInterface">The device that takes them back: <c>gwo-X</c>, or <c>none</c> with return traffic off.</param>
public sealed record HookSubject(ulong EniId, string InInterface, string OutInterface)
{
    /// <summary>Stands for the egress device where there is none.</summary>
    public const string NoInterface = "none";

    /// <summary>The subject for an endpoint, its devices named as every handler names them.</summary>
    public static HookSubject For(ulong eniId, bool returnTraffic) =>
        new(eniId, EniName.IngressDevice(eniId), returnTraffic ? EniName.EgressDevice(eniId) : NoInterface);

    /// <summary>The devices that there are, for people to read.</summary>
    internal string Devices => OutInterface == NoInterface ? InInterface : $"{InInterface} {OutInterface}";

    /// <summary>The program to run and its arguments.</summary>
    public IReadOnlyList<string> ToArgv(HookCommand command, HookAction action) =>
        command.ToArgv(Word(action), InInterface, OutInterface, EniName.Hex17(EniId));

    /// <summary>What a hook is told beside its arguments: the same again as environment variables, and those that are configured.</summary>
    public IReadOnlyDictionary<string, string> Environment(HookAction action, IReadOnlyDictionary<string, string> configured) => new Dictionary<string, string>(configured)
    {
        ["GWLBTUN_ACTION"] = Word(action),
        ["GWLBTUN_IN_INTERFACE"] = InInterface,
        ["GWLBTUN_OUT_INTERFACE"] = OutInterface,
        ["GWLBTUN_ENI"] = EniName.Hex17(EniId),
        ["GWLBTUN_VPCE_ID"] = EniName.VpceId(EniId),
    };

    internal static string Word(HookAction action) => action == HookAction.Create ? "CREATE" : "DESTROY";
}
