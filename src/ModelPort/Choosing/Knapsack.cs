using System.Collections.Immutable;

namespace ModelPort.Choosing;

/// <summary>One way to store a thing.</summary>
/// <param name="Bytes">What it takes.</param>
/// <param name="Cost">What it loses.</param>
internal readonly record struct KnapsackOption(long Bytes, double Cost);

/// <summary>One option for each thing.</summary>
/// <param name="Picks">The index of the option, for each thing.</param>
/// <param name="Bytes">What they take together.</param>
/// <param name="Cost">What they lose together.</param>
/// <param name="LowerBound">No choice that fits loses less than this.</param>
internal sealed record KnapsackChoice(ImmutableArray<int> Picks, long Bytes, double Cost, double LowerBound);

/// <summary>
/// The multiple-choice knapsack problem: an option for each of many things, so that all fit and the least is lost. Steps along the lower convex hull of
/// each thing's options are taken in the order of what they save a byte; where the first does not fit, the part of it that would is the bound of the
/// linear relaxation (Sinha and Zoltners, "The multiple-choice knapsack problem", 1979). What is left over is filled by the best single changes and
/// exchanges. The result is at most one step of one thing from the optimum, and says how far.
/// </summary>
internal static class Knapsack
{
    /// <summary>Chooses.</summary>
    /// <param name="things">The options of each thing; at least one each.</param>
    /// <param name="capacity">What all may take together.</param>
    /// <returns>The choice; null when not even the smallest options fit.</returns>
    public static KnapsackChoice? Solve(IReadOnlyList<IReadOnlyList<KnapsackOption>> things, long capacity)
    {
        var hulls = things.Select(Hull).ToArray();
        var picks = hulls.Select(h => h[0]).ToArray();
        var left = capacity - picks.Select((p, i) => things[i][p].Bytes).Sum();
        if (left < 0)
        {
            return null;
        }

        var bound = Climb(things, hulls, picks, ref left);
        while (BestChange(things, picks, left) is { } change)
        {
            foreach (var (thing, option) in change)
            {
                left += things[thing][picks[thing]].Bytes - things[thing][option].Bytes;
                picks[thing] = option;
            }
        }

        var cost = CostOf(things, picks);
        return new KnapsackChoice([.. picks], capacity - left, cost, Math.Min(bound, cost));
    }

    /// <summary>Takes steps along the hulls while they fit.</summary>
    /// <returns>The bound: what the choice would lose if the first step that does not fit could be taken in part.</returns>
    private static double Climb(IReadOnlyList<IReadOnlyList<KnapsackOption>> things, int[][] hulls, int[] picks, ref long left)
    {
        var steps =
            from thing in Enumerable.Range(0, hulls.Length)
            from rank in Enumerable.Range(1, hulls[thing].Length - 1)
            let before = things[thing][hulls[thing][rank - 1]]
            let after = things[thing][hulls[thing][rank]]
            let bytes = after.Bytes - before.Bytes
            let saved = before.Cost - after.Cost
            orderby saved / bytes descending, thing, rank
            select (thing, rank, bytes, saved);
        var bound = double.NaN;
        foreach (var (thing, rank, bytes, saved) in steps)
        {
            // Whoever was passed over stays where it is.
            if (picks[thing] != hulls[thing][rank - 1])
            {
                continue;
            }

            if (bytes <= left)
            {
                picks[thing] = hulls[thing][rank];
                left -= bytes;
            }
            else if (double.IsNaN(bound))
            {
                bound = CostOf(things, picks) - saved * left / bytes;
            }
        }

        return double.IsNaN(bound) ? CostOf(things, picks) : bound;
    }

    /// <summary>The change of one thing, or of two at once, that fits and saves most; null when none saves anything.</summary>
    private static (int Thing, int Option)[]? BestChange(IReadOnlyList<IReadOnlyList<KnapsackOption>> things, int[] picks, long left)
    {
        var moves = (
            from thing in Enumerable.Range(0, picks.Length)
            let now = things[thing][picks[thing]]
            from option in Enumerable.Range(0, things[thing].Count)
            where option != picks[thing]
            select (Thing: thing, Option: option, Bytes: things[thing][option].Bytes - now.Bytes, Saved: now.Cost - things[thing][option].Cost)).ToArray();
        // Those that free bytes, most first, each with the best of all that free as much: and the best of another thing, as no thing moves twice.
        var freeing = moves.Where(m => m.Bytes < 0).OrderBy(m => m.Bytes).ThenByDescending(m => m.Saved).ToArray();
        var best = new int[freeing.Length];
        var second = new int[freeing.Length];
        for (var i = 0; i < freeing.Length; i++)
        {
            (best[i], second[i]) = i == 0 ? (0, -1) : (best[i - 1], second[i - 1]);
            if (freeing[i].Saved > freeing[best[i]].Saved)
            {
                second[i] = freeing[i].Thing == freeing[best[i]].Thing ? second[i] : best[i];
                best[i] = i;
            }
            else if (freeing[i].Thing != freeing[best[i]].Thing && (second[i] < 0 || freeing[i].Saved > freeing[second[i]].Saved))
            {
                second[i] = i;
            }
        }

        (double Saved, (int, int)[]? Change) found = (0, null);
        foreach (var move in moves.Where(m => m.Saved > 0))
        {
            if (move.Bytes <= left)
            {
                Offer(move.Saved, [(move.Thing, move.Option)]);
                continue;
            }

            var last = LastThatFrees(move.Bytes - left);
            var partner = last < 0 ? -1 : freeing[best[last]].Thing != move.Thing ? best[last] : second[last];
            if (partner >= 0)
            {
                Offer(move.Saved + freeing[partner].Saved, [(move.Thing, move.Option), (freeing[partner].Thing, freeing[partner].Option)]);
            }
        }

        return found.Change;

        void Offer(double saved, (int, int)[] change) => found = saved > found.Saved ? (saved, change) : found;

        int LastThatFrees(long bytes)
        {
            var (low, high) = (0, freeing.Length);
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = -freeing[middle].Bytes >= bytes ? (middle + 1, high) : (low, middle);
            }

            return low - 1;
        }
    }

    /// <summary>The options on the lower convex hull of cost over bytes, from the smallest on: each next one saves less a byte than the one before.</summary>
    private static int[] Hull(IReadOnlyList<KnapsackOption> options)
    {
        var hull = new List<int>();
        foreach (var i in Enumerable.Range(0, options.Count).OrderBy(i => options[i].Bytes).ThenBy(i => options[i].Cost))
        {
            if (hull.Count > 0 && options[i].Cost >= options[hull[^1]].Cost)
            {
                continue;
            }

            while (hull.Count > 1 && Saved(options[hull[^2]], options[hull[^1]]) <= Saved(options[hull[^2]], options[i]))
            {
                hull.RemoveAt(hull.Count - 1);
            }

            hull.Add(i);
        }

        return [.. hull];

        static double Saved(KnapsackOption from, KnapsackOption to) => (from.Cost - to.Cost) / (to.Bytes - from.Bytes);
    }

    private static double CostOf(IReadOnlyList<IReadOnlyList<KnapsackOption>> things, int[] picks) => picks.Select((p, i) => things[i][p].Cost).Sum();
}
