//! The rules of a job, as its options have them: `name: expression when condition`.

use super::kinds::{Kind, Known};
use super::node::Node;
use super::parse::{MOST_CHARACTERS, RuleRefusal, parse};
use pravah_foundation::tabular::contract::{PatternBudget, Rule};

/// Rules of a job.
const MOST_RULES: usize = 100;
/// Characters of a name.
const MOST_NAME: usize = 100;
/// Aggregates of different values, which take memory, in all rules.
const MOST_DISTINCT: usize = 8;

/// The rules of a job.
#[derive(Debug, Default)]
pub struct RuleSet {
    pub rules: Vec<NamedRule>,
    /// Columns that they name.
    pub columns: Vec<String>,
    pub aggregates: Vec<Aggregate>,
}

/// A rule.
#[derive(Debug)]
pub struct NamedRule {
    pub name: String,
    /// The expression and its condition, as they are written.
    pub text: String,
    pub node: Node,
    /// Columns that it names, by their places among all.
    pub columns: Vec<usize>,
    /// It is about all records of a dataset, not about each.
    pub is_aggregate: bool,
}

/// A figure of all records of a dataset.
#[derive(Debug)]
pub struct Aggregate {
    pub function: AggregateFunction,
    /// None: of the records.
    pub argument: Option<Node>,
    /// The place of the rule that names it.
    pub rule: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateFunction {
    Sum,
    Count,
    Min,
    Max,
    Mean,
    Nulls,
    Distinct,
}

impl AggregateFunction {
    const ALL: [Self; 7] = [Self::Sum, Self::Count, Self::Min, Self::Max, Self::Mean, Self::Nulls, Self::Distinct];

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Nulls => "nulls",
            Self::Distinct => "distinct",
        }
    }

    /// The type of the figure of values of a type.
    pub fn kind(self, of: Kind) -> Option<Kind> {
        match (self, of) {
            (Self::Count | Self::Nulls | Self::Distinct, _) => Some(Kind::Number),
            (Self::Sum | Self::Mean, Kind::Number | Kind::Unknown) => Some(Kind::Number),
            (Self::Sum, Kind::Span) => Some(Kind::Span),
            (Self::Min | Self::Max, Kind::Number | Kind::Moment | Kind::Span | Kind::Text | Kind::Unknown) => Some(of),
            _ => None,
        }
    }
}

/// What expressions name, while they are read.
pub struct RuleNames<'a> {
    columns: &'a mut Vec<String>,
    aggregates: &'a mut Vec<Aggregate>,
    /// The place of the rule that is read.
    rule: usize,
    pub patterns: &'a PatternBudget,
}

impl RuleNames<'_> {
    pub fn column(&mut self, name: &str) -> usize {
        self.columns.iter().position(|known| known == name).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    pub fn aggregate(&mut self, function: AggregateFunction, argument: Option<Node>) -> usize {
        self.aggregates.push(Aggregate { function, argument, rule: self.rule });
        self.aggregates.len() - 1
    }
}

impl RuleSet {
    /// Read the rules; in words, what is wrong with the first that is wrong.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        if texts.len() > MOST_RULES {
            return Err(format!("there are more than {MOST_RULES} rules"));
        }
        let (mut set, patterns) = (Self::default(), PatternBudget::default());
        for (place, text) in texts.iter().enumerate() {
            let rule = set.rule(text, &patterns).map_err(|refusal| {
                let shown: String = text.chars().take(100).collect();
                let RuleRefusal { at, message } = refusal;
                format!("rule {} ({shown}): character {}: {message}", place + 1, at + 1)
            })?;
            if set.rules.iter().any(|other| other.name == rule.name) {
                return Err(format!("two rules have the name {:?}: write name: in front of one", rule.name));
            }
            set.rules.push(rule);
        }
        Ok(set)
    }

    fn rule(&mut self, text: &str, patterns: &PatternBudget) -> Result<NamedRule, RuleRefusal> {
        let refuse = |at: usize, message: String| Err(RuleRefusal { at, message });
        if text.chars().count() > MOST_CHARACTERS {
            return refuse(MOST_CHARACTERS, format!("a rule can have {MOST_CHARACTERS} characters"));
        }
        let (name, body) = named(text);
        let count = |part: &str| part.chars().count();
        if count(name) > MOST_NAME {
            return refuse(0, format!("a name can have {MOST_NAME} characters"));
        }
        if Rule::ALL.iter().any(|rule| rule.as_str() == name) {
            return refuse(0, format!("{name} is the name of a rule of schemas: choose another name"));
        }
        let aggregates_before = self.aggregates.len();
        let rule = self.rules.len();
        let mut names = RuleNames { columns: &mut self.columns, aggregates: &mut self.aggregates, rule, patterns };
        let (expression, condition) = divided(body);
        let at = count(text) - count(body);
        let moved = |by: usize| move |refusal: RuleRefusal| RuleRefusal { at: refusal.at + by, ..refusal };
        let mut node = parse(expression, &mut names).map_err(moved(at))?;
        if let Some(condition) = condition {
            let at = count(text) - count(condition);
            let condition = parse(condition, &mut names).map_err(moved(at))?;
            node = Node::Or(vec![Node::Not(Box::new(condition)), node]);
        }
        let distinct = self.aggregates.iter().filter(|one| one.function == AggregateFunction::Distinct);
        if distinct.count() > MOST_DISTINCT {
            return refuse(at, format!("all rules together can have distinct() {MOST_DISTINCT} times"));
        }
        let is_aggregate = is_of_all(&node);
        let columns = columns(&node);
        if is_aggregate && let Some(&column) = columns.first() {
            let column = &self.columns[column];
            return refuse(at, format!("the column {column:?} must be in an aggregate, such as max({column})"));
        }
        let known = Known { columns: &[], aggregates: &self.aggregates };
        match known.kind(&node) {
            Ok(Kind::Truth | Kind::Unknown) => {}
            Ok(_) => return refuse(at, "a rule must be true or false: compare the value with another one".to_owned()),
            Err(message) => return refuse(at, message),
        }
        let arguments = self.aggregates[aggregates_before..].iter().filter_map(|one| one.argument.as_ref());
        let mut all = columns;
        all.extend(arguments.flat_map(self::columns));
        all.sort_unstable();
        all.dedup();
        if all.is_empty() && !is_aggregate {
            return refuse(at, "a rule must name a column or an aggregate".to_owned());
        }
        let name = if name.is_empty() { body.trim().chars().take(MOST_NAME).collect() } else { name.to_owned() };
        Ok(NamedRule { name, text: body.trim().to_owned(), node, columns: all, is_aggregate })
    }

    /// Why a rule cannot be decided where columns have these types.
    pub fn unfit(&self, rule: &NamedRule, columns: &[Kind]) -> Option<String> {
        Known { columns, aggregates: &self.aggregates }.kind(&rule.node).err()
    }

    /// The columns that a rule names, in words.
    pub fn named_by(&self, rule: usize) -> String {
        let columns = self.rules[rule].columns.iter().map(|place| self.columns[*place].as_str());
        columns.collect::<Vec<_>>().join(", ")
    }

    /// An aggregate in words: `sum(amount)`.
    pub fn aggregate_name(&self, place: usize) -> String {
        let Aggregate { function, argument, .. } = &self.aggregates[place];
        let argument = match argument {
            None => "",
            Some(Node::Column(column)) => &self.columns[*column],
            Some(_) => "…",
        };
        format!("{}({argument})", function.as_str())
    }
}

fn is_of_all(node: &Node) -> bool {
    let mut is_one = false;
    node.each(&mut |part| {
        is_one |= matches!(part, Node::Aggregate(_) | Node::Now | Node::LastRecords | Node::LastTime)
    });
    is_one
}

fn columns(node: &Node) -> Vec<usize> {
    let mut all = Vec::new();
    node.each(&mut |part| match part {
        Node::Column(place) | Node::IsNull(place) => all.push(*place),
        _ => {}
    });
    all
}

/// The name in front of a rule, and what follows it.
fn named(text: &str) -> (&str, &str) {
    let Some((name, body)) = text.split_once(':') else { return ("", text) };
    let name = name.trim();
    let is_name = name.starts_with(|one: char| one.is_alphabetic() || one == '_')
        && name.chars().all(|one| one.is_alphanumeric() || matches!(one, '_' | '-' | ' ' | '.'));
    if is_name { (name, body) } else { ("", text) }
}

/// An expression, and the condition behind `when`: no word in quotes is one.
fn divided(text: &str) -> (&str, Option<&str>) {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, one) in text.char_indices() {
        match (quote, one) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if one == open => quote = None,
            (None, '"' | '\'') => quote = Some(one),
            (None, 'w') => {
                let is_apart =
                    |one: Option<char>| one.is_some_and(|one| one.is_whitespace() || matches!(one, '(' | ')'));
                let rest = &text[at..];
                if rest.starts_with("when")
                    && is_apart(text[..at].chars().next_back())
                    && is_apart(rest[4..].chars().next())
                {
                    return (&text[..at], Some(&rest[4..]));
                }
            }
            _ => {}
        }
    }
    (text, None)
}
