namespace Microsoft.Build.Framework;

/// <summary>
/// Lets multithreaded MSBuild (<c>-mt</c>) run a task inside its own process. MSBuild looks for the full name alone, in any assembly, so this copy serves
/// hosts that have the attribute without tying the assembly to them. The marked tasks never use the current directory.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
internal sealed class MSBuildMultiThreadableTaskAttribute : Attribute;
