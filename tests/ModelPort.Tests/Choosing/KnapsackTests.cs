using CsCheck;
using ModelPort.Choosing;

namespace ModelPort.Tests.Choosing;

/// <summary>The choice against all choices, where there are few enough to try them all.</summary>
public sealed class KnapsackTests
{
    private static readonly Gen<KnapsackOption[][]> Things =
        Gen.Select(Gen.Int[1, 40], Gen.Double[0, 10]).Select((bytes, cost) => new KnapsackOption(bytes, cost)).Array[1, 5].Array[1, 6];

    [Fact]
    public void It_fits_and_is_no_further_from_the_optimum_than_it_says()
    {
        var (cases, exact) = (0, 0);
        Gen.Select(Things, Gen.Int[1, 250]).Sample(
            (things, capacity) =>
            {
                var choice = Knapsack.Solve(things, capacity);
                var optimum = All(things).Where(c => c.Bytes <= capacity).Select(c => c.Cost).DefaultIfEmpty(double.NaN).Min();
                if (choice is null)
                {
                    Assert.Equal(double.NaN, optimum);
                    return;
                }

                Assert.Equal(choice.Picks.Select((p, i) => things[i][p].Bytes).Sum(), choice.Bytes);
                Assert.Equal(choice.Picks.Select((p, i) => things[i][p].Cost).Sum(), choice.Cost, 1e-9);
                Assert.InRange(choice.Bytes, 0, capacity);
                Assert.InRange(optimum, choice.LowerBound - 1e-9, choice.Cost + 1e-9);
                Interlocked.Increment(ref cases);
                _ = choice.Cost <= optimum + 1e-9 ? Interlocked.Increment(ref exact) : 0;
            },
            iter: 3000);
        Assert.InRange(cases, 1000, 3000);
        Assert.InRange(exact, cases * 0.97, cases);
    }

    [Fact]
    public void With_room_for_all_the_best_of_each_is_taken() => Things.Sample(things =>
    {
        var choice = Knapsack.Solve(things, 10_000)!;
        Assert.Equal(things.Sum(t => t.Min(o => o.Cost)), choice.Cost, 1e-9);
        Assert.Equal(choice.Cost, choice.LowerBound, 1e-9);
    });

    [Fact]
    public void More_room_never_loses_more_by_more_than_a_step() => Gen.Select(Things, Gen.Int[1, 250], Gen.Int[0, 50]).Sample((things, capacity, more) =>
    {
        if (Knapsack.Solve(things, capacity) is { } less)
        {
            Assert.True(Knapsack.Solve(things, capacity + more)!.LowerBound <= less.Cost + 1e-9);
        }
    });

    [Fact]
    public void Of_many_things_the_gap_is_small()
    {
        // As many tensors as a large model has, with sizes and errors of real types.
        (double Bits, double Error)[] types = [(2.625, 0.088), (3.4375, 0.0229), (4.25, 0.0059), (4.5, 0.0051), (5.5, 0.0013), (6.5625, 0.00032), (8.5, 0.00003)];
        var random = new Random(3);
        var things = Enumerable.Range(0, 800).Select(_ =>
        {
            var (values, sensitivity) = (Math.Pow(10, 5 + 3 * random.NextDouble()), Math.Pow(10, 2 * random.NextDouble()));
            return types.Select(t => new KnapsackOption((long)(values * t.Bits / 8), sensitivity * t.Error * (0.9 + 0.2 * random.NextDouble()))).ToArray();
        }).ToArray();
        var choice = Knapsack.Solve(things, (long)(things.Sum(t => t[3].Bytes) * 0.97))!;
        Assert.InRange(choice.Cost / choice.LowerBound, 1, 1.0001);
    }

    [Fact]
    public void Nothing_is_chosen_where_nothing_fits() => Assert.Null(Knapsack.Solve([[new(5, 1), new(7, 0)], [new(3, 1)]], 7));

    private static IEnumerable<KnapsackOption> All(KnapsackOption[][] things) => things.Aggregate(
        Enumerable.Repeat(new KnapsackOption(0, 0), 1),
        (sums, options) => sums.SelectMany(s => options.Select(o => new KnapsackOption(s.Bytes + o.Bytes, s.Cost + o.Cost))));
}
