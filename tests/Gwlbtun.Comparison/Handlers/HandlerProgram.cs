namespace Gwlbtun.Comparison.Handlers;

/// <summary>A handler to measure.</summary>
/// <param name="Path">Its executable.</param>
/// <param name="HasNoReturnOption">Whether it can be told to return nothing.</param>
internal sealed record HandlerProgram(string Path, bool HasNoReturnOption);
