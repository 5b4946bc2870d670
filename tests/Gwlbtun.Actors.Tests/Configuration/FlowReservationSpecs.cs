using CsCheck;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class FlowReservationSpecs
{
    private static readonly FlowReservation _general = new(null, 1, 2, 3, 4, 5, 6);
    private static readonly FlowReservation _own = new(7, 6, 5, 4, 3, 2, 1);

    [Fact]
    public void Should_prefer_the_own_one_to_the_general_one() =>
        Assert.Equal((_own, _general), (FlowReservations.For([_own, _general], 7), FlowReservations.For([_own, _general], 8)));

    [Fact]
    public void Should_count_the_last_of_several()
    {
        FlowReservation later = _own with { V4Tcp = 9 };

        Assert.Equal(later, FlowReservations.For([_own, _general, later], 7));
    }

    [Fact]
    public void Should_reserve_nothing_where_nothing_is_said() => Assert.Null(FlowReservations.For([_own], 8));

    [Fact]
    public void Should_add_up_the_protocols_of_a_family() => Assert.Equal((6L, 15L), (_general.V4, _general.V6));

    [Fact]
    public void Should_be_written_as_it_is_read() =>
        Gen.Select(Gen.ULong.Nullable(), Gen.Int[0, int.MaxValue].Array[6]).Sample((eni, n) =>
        {
            var reservation = new FlowReservation(eni, n[0], n[1], n[2], n[3], n[4], n[5]);
            return FlowReservation.TryParse(reservation.ToString(), out FlowReservation? read) && read == reservation;
        });

    [Theory]
    [InlineData("max-per-eni = 20, reserve = [\"1,2,3,4,5,6\"]", "'1,2,3,4,5,6' is 21 flows, more than flows.max-per-eni = 20.")]
    [InlineData("max-per-eni = 20, reserve = [\"1,0,0,0,0,0\", \"vpce-7:1,2,3,4,5,6\"]", "'vpce-00000000000000007:1,2,3,4,5,6' is 21 flows, more than flows.max-per-eni = 20.")]
    [InlineData("max-total = 20, reserve = [\"1,2,3,4,5,6\"]", "'1,2,3,4,5,6' is 21 flows, more than the 20 that flows.max-total = 20 leaves for one of tunnel.max-enis = 1024.")]
    [InlineData("max-total = 10240, reserve = [\"9500,0,0,0,0,0\"]", "'9500,0,0,0,0,0' is 9500 flows, more than the 9217 that flows.max-total = 10240 leaves for one of tunnel.max-enis = 1024.")]
    [InlineData("max-total = 20, reserve = [\"7:9,0,0,0,0,0\", \"8:9,0,0,0,0,3\"]", "what is reserved for single ENIs adds up to 21 flows, more than flows.max-total = 20.")]
    [InlineData("reserve = [\"2147483647,2147483647,2147483647,0,0,0\"]", "'2147483647,2147483647,2147483647,0,0,0' is 6442450941 flows, more than flows.max-per-eni = 2000000.")]
    public void Should_refuse_what_there_can_be_no_room_for(string flows, string message) => Assert.Equal(
        $"gwlbtun: there is an error in the configuration; nothing was started.\n  flows.reserve (FILE:1): {message}\n",
        Decide.ErrorsOfFile($"flows {{ {flows} }}", ["--check-config"]));

    [Theory]
    [InlineData("max-total = 21, reserve = [\"1,2,3,4,5,6\"]")]
    [InlineData("max-total = 20, reserve = [\"7:9,0,0,0,0,0\", \"8:9,0,0,0,0,0\"]")]
    [InlineData("max-per-eni = 20, reserve = [\"7:30,0,0,0,0,0\", \"7:9,0,0,0,0,0\"]")]
    public void Should_take_what_there_can_be_room_for(string flows) => Decide.SettingsOfFile($"flows {{ {flows} }}");

    [Fact]
    public void Should_only_warn_where_a_command_line_of_the_cpp_handler_may_say_so()
    {
        string[] line = ["--reserve", "5000000,50000,50000,20,20,20", "--reserve", "vpce-0abc:2000,2000,1024,1024,1024,1024"];

        StartupDecision.Run run = Decide.Run(Decide.Of(line));

        Assert.Equal(["flows.reserve (option --reserve): '5000000,50000,50000,20,20,20' is 5100060 flows, more than flows.max-per-eni = 2000000. No more than that is reserved."], run.Notices);
        Assert.Equal(2, run.Settings.Flows.Reserve.Count);
    }
}
