//! Expressions as they are read: the grammar is that of CEL, and so is the parser; what it made of a text is checked here.
//!
//! No expression can compute for long: it is short, not deep, and knows neither loops nor lists but those of `in`.

use std::borrow::Cow;

use cel::Env;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::node::{Node, Operator, Relation, RuleValue, TextTest};
use super::number::Decimal;
use super::ruleset::{AggregateFunction, RuleNames};
use pravah_foundation::tabular::values::{Moment, day, moment};

/// Characters of a rule.
pub const MOST_CHARACTERS: usize = 2_000;
/// Parts that are in each other.
const MOST_DEPTH: usize = 50;
/// Parts in all, values of a list of `in` counted.
const MOST_PARTS: usize = 1_000;

/// What is wrong with an expression.
#[derive(Debug)]
pub struct RuleRefusal {
    /// The character that it begins at, from 0.
    pub at: usize,
    /// In words.
    pub message: String,
}

/// Read an expression.
pub fn parse(text: &str, names: &mut RuleNames<'_>) -> Result<Node, RuleRefusal> {
    // It has no macros, and so no loops.
    let parser = Env::default().parser().enable_optional_syntax(false).max_recursion_depth(MOST_DEPTH as u16);
    let (expression, source) = parser.parse_with_source_info(text).map_err(|errors| {
        let error = errors.errors.into_iter().next();
        let (line, column) = error.as_ref().map_or((1, 1), |error| error.pos);
        let before = text.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
        let at = before.map(|line| line.chars().count()).sum::<usize>() + usize::try_from(column - 1).unwrap_or(0);
        let message = error.map(|error| error.msg).unwrap_or_default();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("Syntax error: ");
        RuleRefusal { at, message: message.chars().take(200).collect() }
    })?;
    Reader { source: &source, names, parts: 0, in_aggregate: false }.node(&expression, 0)
}

struct Reader<'a, 'b> {
    source: &'a SourceInfo,
    names: &'a mut RuleNames<'b>,
    parts: usize,
    in_aggregate: bool,
}

type Read = Result<Node, RuleRefusal>;

impl Reader<'_, '_> {
    fn refuse<T>(&self, at: &IdedExpr, message: impl Into<String>) -> Result<T, RuleRefusal> {
        let at = self.source.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        Err(RuleRefusal { at, message: message.into() })
    }

    fn node(&mut self, expression: &IdedExpr, depth: usize) -> Read {
        self.parts += 1;
        if depth > MOST_DEPTH || self.parts > MOST_PARTS {
            return self
                .refuse(expression, format!("too large: {MOST_DEPTH} levels and {MOST_PARTS} parts are allowed"));
        }
        match &expression.expr {
            Expr::Literal(literal) => self.literal(expression, literal),
            Expr::Call(call) => self.call(expression, call, depth + 1),
            Expr::Ident(name) if name == "now" => match self.in_aggregate {
                true => self.refuse(expression, "now must stand outside of an aggregate"),
                false => Ok(Node::Now),
            },
            Expr::Ident(_) | Expr::Select(_) => match name(expression) {
                Some(name) if name == "last_result.records" => Ok(Node::LastRecords),
                Some(name) if name == "last_result.time" => Ok(Node::LastTime),
                Some(name) if name.starts_with("last_result.") || name == "last_result" => self
                    .refuse(expression, "of the last result only last_result.records and last_result.time are known"),
                Some(name) => Ok(Node::Column(self.names.column(&name))),
                None => self.refuse(expression, "a value has no parts"),
            },
            Expr::List(_) => self.refuse(expression, "a list can only follow in"),
            _ => self.refuse(expression, "maps, messages and loops are not supported in rules"),
        }
    }

    fn literal(&self, at: &IdedExpr, literal: &LiteralValue) -> Read {
        let value = match literal {
            LiteralValue::Boolean(value) => RuleValue::Truth(*value.inner()),
            LiteralValue::Int(value) => RuleValue::Number(Decimal::whole(*value.inner())),
            LiteralValue::UInt(value) => RuleValue::Number(Decimal::Exact((*value.inner()).into(), 0)),
            LiteralValue::String(value) => RuleValue::Text(Cow::Owned(value.inner().to_owned())),
            LiteralValue::Double(value) => {
                // As many digits come back from a float as they were written.
                let shown = format!("{:e}", value.inner());
                let digits = shown.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
                match Decimal::of(shown.as_bytes()) {
                    Some(number) if digits <= 15 => RuleValue::Number(number),
                    _ => return self.refuse(at, "a number with a point can have 15 digits"),
                }
            }
            LiteralValue::Null => return self.refuse(at, "null can only be compared with a column: x == null"),
            LiteralValue::Bytes(_) => return self.refuse(at, "bytes are not supported in rules"),
        };
        Ok(Node::Constant(value))
    }

    fn pair(&mut self, args: &[IdedExpr], depth: usize) -> Result<Box<[Node; 2]>, RuleRefusal> {
        Ok(Box::new([self.node(&args[0], depth)?, self.node(&args[1], depth)?]))
    }

    fn call(&mut self, at: &IdedExpr, call: &CallExpr, depth: usize) -> Read {
        let compare = |how| move |sides| Node::Compare(how, sides);
        let compute = |how| move |sides| Node::Compute(how, sides);
        let args = &call.args[..];
        match (call.func_name.as_str(), args.len()) {
            (operators::LOGICAL_AND, 2) => self.chain(args, depth, operators::LOGICAL_AND).map(Node::And),
            (operators::LOGICAL_OR, 2) => self.chain(args, depth, operators::LOGICAL_OR).map(Node::Or),
            (operators::LOGICAL_NOT, 1) => self.node(&args[0], depth).map(|inner| Node::Not(Box::new(inner))),
            (operators::NEGATE, 1) => self.node(&args[0], depth).map(|inner| Node::Negate(Box::new(inner))),
            (operators::CONDITIONAL, 3) => {
                let parts = [self.node(&args[0], depth)?, self.node(&args[1], depth)?, self.node(&args[2], depth)?];
                Ok(Node::If(Box::new(parts)))
            }
            (operators::EQUALS, 2) => match self.null_test(args)? {
                Some(test) => Ok(test),
                None => self.pair(args, depth).map(compare(Relation::Equal)),
            },
            (operators::NOT_EQUALS, 2) => match self.null_test(args)? {
                Some(test) => Ok(Node::Not(Box::new(test))),
                None => self.pair(args, depth).map(compare(Relation::NotEqual)),
            },
            (operators::LESS, 2) => self.pair(args, depth).map(compare(Relation::Less)),
            (operators::LESS_EQUALS, 2) => self.pair(args, depth).map(compare(Relation::LessOrEqual)),
            (operators::GREATER, 2) => self.pair(args, depth).map(compare(Relation::Greater)),
            (operators::GREATER_EQUALS, 2) => self.pair(args, depth).map(compare(Relation::GreaterOrEqual)),
            (operators::ADD, 2) => self.pair(args, depth).map(compute(Operator::Add)),
            (operators::SUBSTRACT, 2) => self.pair(args, depth).map(compute(Operator::Subtract)),
            (operators::MULTIPLY, 2) => self.pair(args, depth).map(compute(Operator::Multiply)),
            (operators::DIVIDE, 2) => self.pair(args, depth).map(compute(Operator::Divide)),
            (operators::MODULO, 2) => self.pair(args, depth).map(compute(Operator::Remainder)),
            (operators::IN, 2) => self.is_in(args, depth),
            _ => self.function(at, call, depth),
        }
    }

    /// All sides of a chain of one operator.
    fn chain(&mut self, args: &[IdedExpr], depth: usize, name: &str) -> Result<Vec<Node>, RuleRefusal> {
        let mut all = Vec::new();
        for arg in args {
            match (&arg.expr, self.node(arg, depth)?) {
                (Expr::Call(call), Node::And(inner) | Node::Or(inner)) if call.func_name == name => all.extend(inner),
                (_, node) => all.push(node),
            }
        }
        Ok(all)
    }

    /// `x == null`, from either side.
    fn null_test(&mut self, args: &[IdedExpr]) -> Result<Option<Node>, RuleRefusal> {
        let is_null = |arg: &IdedExpr| matches!(arg.expr, Expr::Literal(LiteralValue::Null));
        let other = match (is_null(&args[0]), is_null(&args[1])) {
            (false, false) => return Ok(None),
            (true, _) => &args[1],
            (false, true) => &args[0],
        };
        match self.node(other, MOST_DEPTH)? {
            Node::Column(place) => Ok(Some(Node::IsNull(place))),
            _ => self.refuse(other, "only a column can be compared with null"),
        }
    }

    fn is_in(&mut self, args: &[IdedExpr], depth: usize) -> Read {
        let Expr::List(list) = &args[1].expr else {
            return self.refuse(&args[1], "in must be followed by a list: x in [\"a\", \"b\"]");
        };
        let mut all = Vec::new();
        for element in &list.elements {
            let sides = Box::new([self.node(&args[0], depth)?, self.node(element, depth)?]);
            all.push(Node::Compare(Relation::Equal, sides));
        }
        match all.is_empty() {
            true => self.refuse(&args[1], "the list is empty"),
            false => Ok(Node::Or(all)),
        }
    }

    /// A function, or one of a value: `size(x)`, `x.size()`.
    fn function(&mut self, at: &IdedExpr, call: &CallExpr, depth: usize) -> Read {
        let args: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let search = |how| move |sides| Node::Search(how, sides);
        let two = |reader: &mut Self| Ok(Box::new([reader.node(args[0], depth)?, reader.node(args[1], depth)?]));
        match (call.func_name.as_str(), call.target.is_some(), &args[..]) {
            ("contains", true, [_, _]) => two(self).map(search(TextTest::Contains)),
            ("startsWith", true, [_, _]) => two(self).map(search(TextTest::StartsWith)),
            ("endsWith", true, [_, _]) => two(self).map(search(TextTest::EndsWith)),
            ("matches", _, [text, pattern]) => {
                let Some(pattern_text) = literal_text(pattern) else {
                    return self.refuse(pattern, "a pattern must be written in quotes");
                };
                match self.names.patterns.compile(pattern_text) {
                    Ok(compiled) => Ok(Node::Matches(Box::new(self.node(text, depth)?), compiled)),
                    Err(error) => self.refuse(pattern, format!("not a valid pattern: {}", last_line(&error))),
                }
            }
            ("size", _, [text]) => self.node(text, depth).map(|text| Node::Size(Box::new(text))),
            ("abs", false, [number]) => self.node(number, depth).map(|number| Node::Absolute(Box::new(number))),
            ("column", false, [name]) => match literal_text(name) {
                Some(name) => Ok(Node::Column(self.names.column(name))),
                None => self.refuse(name, "the name of a column must be written in quotes"),
            },
            ("date" | "timestamp" | "duration", false, [text]) => self.time(&call.func_name, text),
            (name, false, args) => match AggregateFunction::of(name) {
                Some(function) => self.aggregate(at, function, args, depth),
                None => self.refuse(at, unknown(name)),
            },
            (name, ..) => self.refuse(at, unknown(name)),
        }
    }

    fn time(&self, function: &str, text: &IdedExpr) -> Read {
        let Some(written) = literal_text(text) else {
            return self.refuse(text, format!("{function}() needs a text in quotes: columns have their own types"));
        };
        let value = match function {
            "date" => day(written.as_bytes()).map(|days| RuleValue::Moment(nanos(Moment::of_day(days)))),
            "timestamp" => moment(written.as_bytes()).map(|moment| RuleValue::Moment(nanos(moment))),
            _ => duration(written).map(RuleValue::Span),
        };
        let example = match function {
            "date" => "date(\"2024-02-29\")",
            "timestamp" => "timestamp(\"2024-02-29T12:00:00Z\")",
            _ => "duration(\"36h\"), with h, m, s, ms, us or ns",
        };
        value.map_or_else(|| self.refuse(text, format!("write {example}")), |value| Ok(Node::Constant(value)))
    }

    fn aggregate(&mut self, at: &IdedExpr, function: AggregateFunction, args: &[&IdedExpr], depth: usize) -> Read {
        if self.in_aggregate {
            return self.refuse(at, "an aggregate cannot be in another one");
        }
        let argument = match args {
            [] if function == AggregateFunction::Count => None,
            [argument] => {
                self.in_aggregate = true;
                let node = self.node(argument, depth)?;
                self.in_aggregate = false;
                if function == AggregateFunction::Nulls && !matches!(node, Node::Column(_)) {
                    return self.refuse(argument, "nulls() needs a column");
                }
                Some(node)
            }
            _ => return self.refuse(at, format!("{}() needs one argument", function.as_str())),
        };
        Ok(Node::Aggregate(self.names.aggregate(function, argument)))
    }
}

fn unknown(name: &str) -> String {
    format!(
        "{name}() is not a function of rules. There are size, contains, startsWith, endsWith, matches, abs, date, \
         timestamp, duration and column, and the aggregates sum, count, min, max, mean and nulls"
    )
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn literal_text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// The name of a column, also one with points: `address.city`.
fn name(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", name(&select.operand)?, select.field)),
        _ => None,
    }
}

/// A point in time in nanoseconds.
pub fn nanos(moment: Moment) -> i128 {
    i128::from(moment.micros) * 1_000 + i128::from(moment.nanos)
}

/// A duration as CEL has it, in nanoseconds: `1h30m`, `-1.5s`.
fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut sum = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let (number, unit_on) = rest.split_at(end);
        let unit_end = unit_on.find(|one: char| !one.is_ascii_lowercase()).unwrap_or(unit_on.len());
        let unit = match &unit_on[..unit_end] {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let product = Decimal::of(number.as_bytes())?.mul(Decimal::whole(unit))?;
        let Decimal::Exact(mantissa, scale) = product else { return None };
        let whole = mantissa.checked_div(10_i128.checked_pow(u32::try_from(scale).ok()?)?)?;
        sum = sum.checked_add(whole)?;
        rest = &unit_on[unit_end..];
    }
    (!text.trim_start_matches('-').is_empty()).then_some(sign * sum)
}
