using System.Globalization;
using ModelPort;
using ModelPort.Runtime;

// The class Models was written when the model was ported: what is known of it when this is compiled. ModelPort.Runtime proves the file and has every measured number.
PortedModel ported = PortedModels.Get(Models.WordnetLlama.Name);
PortedFile file = ported.File(Models.WordnetLlama.Precision);
using DomainModel model = new(file.VerifiedPath());

if (args is ["--measure", var list])
{
    (string Noun, string Domain)[] nouns = [.. File.ReadLines(list).Select(line => line.Split('\t')).Select(fields => (fields[0], fields[1]))];
    int right = nouns.Count(n => model.Ask(n.Noun)[0].Domain == n.Domain);
    double share = (double)right / nouns.Length;
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{file.Precision}: {right} of {nouns.Length} nouns right, {share:P1} +- {Math.Sqrt(share * (1 - share) / nouns.Length):P1}; guessing: {1.0 / NounDomain.All.Length:P1}"));
    return;
}

if (args.Length > 0)
{
    Answer(string.Join(' ', args));
    return;
}

Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture, $"{ported.Name} at {file.Precision}, {Models.WordnetLlama.Bytes / 1e6:0.0} MB, {Models.WordnetLlama.MeanDivergence:0.000} nats from its source. Ask: What kind of thing is a falcon?"));
while (Console.ReadLine() is { Length: > 0 } question)
{
    Answer(question);
}

void Answer(string question)
{
    string noun = Noun(question);
    (string Domain, double Score)[] domains = model.Ask(noun);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{noun}: noun.{domains[0].Domain} ({string.Join(", ", domains.Take(3).Select(d => $"{d.Domain} {d.Score:+0.00;-0.00}"))})"));
}

// "What kind of thing is a falcon?" asks about "falcon"; so does "falcon".
static string Noun(string question)
{
    string text = question.Trim().TrimEnd('?', '.').Trim();
    int verb = text.LastIndexOf(" is ", StringComparison.OrdinalIgnoreCase);
    text = verb < 0 ? text : text[(verb + 4)..];
    int article = text.IndexOf(' ', StringComparison.Ordinal);
    return article > 0 && text[..article].ToUpperInvariant() is "A" or "AN" or "THE" ? text[(article + 1)..] : text;
}
