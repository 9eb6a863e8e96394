//! What is searched for: one matcher that finds the lines where any pattern may match, then each pattern in the line.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use grep_matcher::{LineMatchKind, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use regex_syntax::ast::{self, Ast, ClassSetItem};
use regex_syntax::hir::{Hir, Look};

use super::options::{Case, SearchOptions, Whole};
use pravah_foundation::base::error::{EngineError, Result};

/// Patterns that are tried one by one; more are first tried together, in groups of this many.
const GROUP: usize = 16;
/// Memory of one compiled matcher, and of what it remembers while it searches.
const COMPILED_BYTES: usize = 64 << 20;
/// Time to find which pattern cannot be built, when all of them together cannot.
const BLAME: Duration = Duration::from_secs(1);

/// All patterns of a search.
pub struct Patterns {
    /// Each pattern's name, in the order of the request.
    pub names: Vec<String>,
    /// Each pattern as it was given.
    pub texts: Vec<String>,
    builder: RegexMatcherBuilder,
    sources: Vec<String>,
    // Of the first level each matches one pattern, of the next those of a group, and so on; built when first asked.
    levels: Vec<Vec<OnceLock<RegexMatcher>>>,
    any: RegexMatcher,
    carriage_return_ends: bool,
}

impl Patterns {
    /// Compile them.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the pattern and the place in it.
    pub fn compile(options: &SearchOptions) -> Result<Self> {
        let hirs = options.patterns.iter().map(|text| checked(text, options)).collect::<Result<Vec<_>>>()?;
        let ends = hirs.iter().any(asks_for_an_end) || options.whole == Whole::Line;
        let plain = options.fixed_strings && !options.patterns.iter().any(|text| ignores_case(text, options));
        let builder = builder(options, plain, ends);
        let sources: Vec<String> =
            options.patterns.iter().map(|text| if plain { text.clone() } else { source(text, options) }).collect();
        let any = builder.build_many(&sources).map_err(|error| blame(&builder, &sources, options, &error))?;
        let mut levels = Vec::new();
        let mut width = sources.len();
        loop {
            levels.push((0..width).map(|_| OnceLock::new()).collect());
            if width <= GROUP {
                break;
            }
            width = width.div_ceil(GROUP);
        }
        Ok(Self {
            names: options.names().map(str::to_owned).collect(),
            texts: options.patterns.clone(),
            builder,
            sources,
            levels,
            any,
            carriage_return_ends: ends,
        })
    }

    /// A matcher of a thread's own for [`Patterns::candidate`]: one that threads share hands its state around.
    pub fn finder(&self) -> RegexMatcher {
        self.any.clone()
    }

    /// A place in a line where some pattern may match, in whole lines that are not empty; none = no line has a match.
    pub fn candidate(&self, finder: &RegexMatcher, lines: &[u8]) -> Option<usize> {
        if finder.line_terminator().is_none() {
            // It wants to see the two ends of a line: each is one.
            return Some(0);
        }
        // Its error type has no value.
        match finder.find_candidate_line(lines).ok().flatten()? {
            LineMatchKind::Confirmed(at) | LineMatchKind::Candidate(at) => Some(at),
        }
    }

    /// The matches in a line (without its newline): pattern by pattern, from left to right. Of empty matches only the
    /// first, where a pattern has no others. False when `take` gave false.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn matches(&self, line: &[u8], take: &mut dyn FnMut(usize, Range<usize>) -> Result<bool>) -> Result<bool> {
        let line = if self.carriage_return_ends { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        let top = self.levels.len() - 1;
        for index in 0..self.levels[top].len() {
            if !self.matches_of(top, index, line, take)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn matches_of(
        &self,
        level: usize,
        index: usize,
        line: &[u8],
        take: &mut dyn FnMut(usize, Range<usize>) -> Result<bool>,
    ) -> Result<bool> {
        let matcher = self.matcher(level, index)?;
        if level == 0 {
            return each(matcher, line, &mut |range| take(index, range));
        }
        if !matcher.is_match(line).unwrap_or(false) {
            return Ok(true);
        }
        for child in index * GROUP..self.levels[level - 1].len().min((index + 1) * GROUP) {
            if !self.matches_of(level - 1, child, line, take)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn matcher(&self, level: usize, index: usize) -> Result<&RegexMatcher> {
        let slot = &self.levels[level][index];
        if let Some(matcher) = slot.get() {
            return Ok(matcher);
        }
        let size = GROUP.pow(level as u32);
        let sources = &self.sources[index * size..self.sources.len().min((index + 1) * size)];
        // All of them together could be built.
        let built = self.builder.build_many(sources).map_err(|error| EngineError::internal(error.to_string()))?;
        Ok(slot.get_or_init(|| built))
    }
}

fn each(matcher: &RegexMatcher, line: &[u8], take: &mut dyn FnMut(Range<usize>) -> Result<bool>) -> Result<bool> {
    let mut empty = None;
    let mut any = false;
    let mut goes_on = true;
    let searched = matcher.try_find_iter(line, |found| {
        if found.is_empty() {
            empty.get_or_insert(found.start());
            return Ok(true);
        }
        any = true;
        goes_on = take(found.start()..found.end())?;
        Ok(goes_on)
    });
    match searched {
        Ok(taken) => taken?,
        Err(impossible) => return Err(EngineError::internal(impossible.to_string())),
    }
    match empty {
        Some(at) if !any => take(at..at),
        _ => Ok(goes_on),
    }
}

fn builder(options: &SearchOptions, plain: bool, ends: bool) -> RegexMatcherBuilder {
    let mut builder = RegexMatcherBuilder::new();
    builder.multi_line(true).fixed_strings(plain).size_limit(COMPILED_BYTES).dfa_size_limit(COMPILED_BYTES);
    // With a `\r\n`, `$` would otherwise never match; patterns without it keep seeing the carriage return.
    builder.crlf(ends).line_terminator(Some(b'\n'));
    builder.word(options.whole == Whole::Word).whole_line(options.whole == Whole::Line);
    builder
}

/// A pattern as a regular expression, its case decided.
fn source(text: &str, options: &SearchOptions) -> String {
    let expression = if options.fixed_strings { regex_syntax::escape(text) } else { text.to_owned() };
    if ignores_case(text, options) { format!("(?i){expression}") } else { expression }
}

fn checked(text: &str, options: &SearchOptions) -> Result<Hir> {
    let expression = if options.fixed_strings { regex_syntax::escape(text) } else { text.to_owned() };
    let mut parser = regex_syntax::ParserBuilder::new();
    let parsed = parser.utf8(false).multi_line(true).build().parse(&expression);
    parsed.map_err(|error| {
        let (reason, place) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.offset),
            other => (other.to_string(), 0),
        };
        let character = expression[..place].chars().count() + 1;
        refused(text, &format!("{reason}, at character {character}"))
    })
}

fn refused(text: &str, reason: &str) -> EngineError {
    EngineError::invalid(format!("options.patterns: {text:?} is not a supported regular expression: {reason}"))
}

/// Name the pattern that cannot be built; when each can, it is all of them together.
fn blame(
    builder: &RegexMatcherBuilder,
    sources: &[String],
    options: &SearchOptions,
    together: &grep_regex::Error,
) -> EngineError {
    // Hundreds of patterns that are each just small enough would take minutes, and a request waits for this.
    let end = Instant::now() + BLAME;
    let mut alone = sources
        .iter()
        .zip(&options.patterns)
        .take_while(|_| Instant::now() < end)
        .filter_map(|(source, text)| Some((text, builder.build(source).err()?)));
    match alone.next() {
        Some((text, error)) => match error.kind() {
            grep_regex::ErrorKind::NotAllowed(_) => {
                refused(text, "a match must be within one line, so the pattern must not match a line break")
            }
            _ => refused(text, &error.to_string()),
        },
        None => EngineError::invalid(format!("options.patterns cannot be combined: {together}")),
    }
}

fn asks_for_an_end(hir: &Hir) -> bool {
    let looks = hir.properties().look_set();
    [Look::End, Look::EndLF, Look::EndCRLF].into_iter().any(|look| looks.contains(look))
}

fn ignores_case(text: &str, options: &SearchOptions) -> bool {
    match options.case {
        Case::Sensitive => false,
        Case::Insensitive => true,
        Case::Smart if options.fixed_strings => !text.chars().any(char::is_uppercase),
        Case::Smart => {
            // One that cannot be parsed is refused elsewhere.
            let parsed = ast::parse::Parser::new().parse(text);
            parsed.is_ok_and(|parsed| ast::visit(&parsed, Uppercase(false)).is_ok_and(|found| !found))
        }
    }
}

/// Looks for an upper-case letter that is to be matched as it is, not for those of `\W`.
struct Uppercase(bool);

impl Uppercase {
    fn see(&mut self, literal: &ast::Literal) {
        self.0 |= literal.c.is_uppercase();
    }
}

impl ast::Visitor for Uppercase {
    type Output = bool;
    type Err = std::convert::Infallible;

    fn finish(self) -> std::result::Result<bool, Self::Err> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> std::result::Result<(), Self::Err> {
        if let Ast::Literal(literal) = ast {
            self.see(literal);
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> std::result::Result<(), Self::Err> {
        match item {
            ClassSetItem::Literal(literal) => self.see(literal),
            ClassSetItem::Range(range) => {
                self.see(&range.start);
                self.see(&range.end);
            }
            _ => {}
        }
        Ok(())
    }
}
