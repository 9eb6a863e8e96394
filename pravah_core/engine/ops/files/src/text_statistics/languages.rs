//! Languages by extension: the common ones. An extension that several languages share is the most common one's.

/// Each with the extensions it is told by, lower case.
const LANGUAGES: &[(&str, &str)] = &[
    ("Assembly", "asm s"),
    ("Batch", "bat cmd"),
    ("C", "c h"),
    ("C#", "cs"),
    ("C++", "cc cpp cxx hh hpp hxx"),
    ("CSS", "css less sass scss"),
    ("CSV", "csv tsv"),
    ("Clojure", "clj cljs"),
    ("Dart", "dart"),
    ("Device tree", "dts dtsi"),
    ("Elixir", "ex exs"),
    ("Erlang", "erl hrl"),
    ("Fortran", "f f90 f95 for"),
    ("Go", "go"),
    ("HTML", "htm html xhtml"),
    ("Haskell", "hs"),
    ("INI", "cfg conf ini properties"),
    ("JSON", "geojson json jsonl ndjson"),
    ("Java", "java"),
    ("JavaScript", "cjs js jsx mjs"),
    ("Julia", "jl"),
    ("Kotlin", "kt kts"),
    ("LaTeX", "bib sty tex"),
    ("Log", "log"),
    ("Lua", "lua"),
    ("Make", "mak mk"),
    ("Markdown", "markdown md"),
    ("OCaml", "ml mli"),
    ("PHP", "php"),
    ("Perl", "pl pm"),
    ("Plain text", "text txt"),
    ("PowerShell", "ps1 psm1"),
    ("Protocol Buffers", "proto"),
    ("Python", "py pyi"),
    ("R", "r rmd"),
    ("Ruby", "rb"),
    ("Rust", "rs"),
    ("SQL", "sql"),
    ("Scala", "sbt scala"),
    ("Shell", "bash sh zsh"),
    ("Swift", "swift"),
    ("TOML", "toml"),
    ("TypeScript", "ts tsx"),
    ("Verilog", "sv v"),
    ("XML", "svg xml xsd xsl xslt"),
    ("YAML", "yaml yml"),
    ("reStructuredText", "rst"),
];

/// The language of an extension (lower case).
pub fn of_extension(extension: &[u8]) -> Option<&'static str> {
    let extension = std::str::from_utf8(extension).ok().filter(|extension| !extension.is_empty())?;
    LANGUAGES.iter().find(|(_, known)| known.split(' ').any(|one| one == extension)).map(|&(language, _)| language)
}
