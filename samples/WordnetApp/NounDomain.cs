/// <summary>A kind of thing that a noun can mean, as WordNet's lexicographers file them, and how glosses of such nouns begin.</summary>
/// <param name="Name">The domain: <c>animal</c> for noun.animal.</param>
/// <param name="Openings">Openings of glosses.</param>
internal sealed record NounDomain(string Name, string[] Openings)
{
    public static readonly NounDomain[] All =
    [
        new("animal", ["a bird", "bird of", "a fish", "any of various birds", "any of several small mammals", "insect", "snake", "butterfly", "mammal", "a breed of", "a genus of", "a young animal"]),
        new("plant", ["a plant", "any of various plants", "shrub", "a tree", "tree of", "herb", "perennial", "evergreen", "a weed", "a genus of plants", "a flower", "grass"]),
        new("person", ["a person who", "someone who", "one who", "a man who", "a woman who", "a member of", "English", "United States", "an expert", "the wife of", "a worker who", "a soldier"]),
        new("artifact", ["a device", "an instrument", "a garment", "a building", "a machine", "a vehicle", "a tool", "a container", "a weapon", "a room", "a structure", "a cloth"]),
        new("food", ["a dish", "food", "a sauce", "a cake", "wine", "a drink", "bread", "cheese", "a sweet", "meat", "a soup", "edible"]),
        new("body", ["a bone", "the part of the body", "an artery", "a nerve", "a muscle", "an organ", "a gland", "tissue", "a hormone", "a vein", "the part of the", "a cavity"]),
        new("location", ["a city", "a town", "a region", "a state", "an area", "the country", "a place", "a port", "a district", "a point", "a river", "a line"]),
        new("act", ["the act of", "the action of", "a game", "an attempt", "the activity of", "the process of", "the use of", "doing", "a dance", "the practice of", "a method of", "the work of"]),
    ];
}
