//! What a file is checked for: told by its columns and by the schema.

use std::collections::HashMap;

use super::Validate;
use super::rows::Hash;
use super::rules::FileRules;
use super::typed::TypedColumn;
use pravah_foundation::run::records;
use pravah_foundation::run::records::{Head, Nulls, Sample};
use pravah_foundation::tabular::contract::{Contract, Field, Key, Reference, Resource};
use pravah_foundation::tabular::csv::Dialect;
use pravah_foundation::tabular::split::Split;
use pravah_foundation::tabular::values::ValueType;

/// What a file is checked for.
pub struct ValidationPlan {
    /// The file's number.
    pub number: u32,
    /// The dataset whose schema it is checked against, by its place.
    pub dataset: Option<usize>,
    /// It was read before: its errors are listed but for those of keys, which are known now.
    pub is_again: bool,
    /// A foreign key names it, and it lacks columns of the schema: only its keys are looked at.
    pub is_reference: bool,
    /// By column of the source.
    pub fields: Vec<Option<Field>>,
    /// Columns that hold values of a key.
    pub keys: Vec<Holding>,
    /// Foreign keys that name it.
    pub named: Vec<Named>,
    /// Columns that the source lacks.
    pub missing: Vec<Field>,
    /// Columns of the source that the schema lacks.
    pub extra: Vec<usize>,
    /// Columns whose values have types of their own, of a JSON Schema.
    pub typed: HashMap<usize, TypedColumn>,
    /// Properties without a column: all of their values are objects, whose columns these are.
    pub objects: Vec<(Field, Vec<usize>)>,
    /// Rules across columns; none where no rule is about records.
    pub rules: Option<FileRules>,
}

/// Columns of a file that hold values of a key.
pub struct Holding {
    /// The key's place among all.
    pub key: u16,
    /// The columns' places, and whether nothing in quotes is a value of theirs.
    pub columns: Vec<(usize, bool)>,
    /// What the values are to the key.
    pub role: Role,
}

/// What values are to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// They are there once, of those that keep the other rules of their column.
    UniqueColumn,
    /// They are there once.
    Unique,
    /// They have to be elsewhere too.
    Refers(Scope),
    /// They are what others refer to.
    Referenced(Scope),
}

/// Whose values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the file.
    File,
    /// Those of several files.
    Files,
}

impl Role {
    /// Whose values are compared.
    pub fn scope(self) -> Scope {
        match self {
            Self::UniqueColumn | Self::Unique => Scope::File,
            Self::Refers(scope) | Self::Referenced(scope) => scope,
        }
    }
}

/// A foreign key names the file.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The key's place among all.
    pub key: u16,
    /// By its whole path.
    pub is_exact: bool,
    /// It has the columns.
    pub has_columns: bool,
}

/// A record among others.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub text: &'a [u8],
    pub split: &'a Split,
    pub record: usize,
    pub nulls: &'a Nulls,
    pub dialect: &'a Dialect,
}

impl Holding {
    fn new(head: &Head, contract: &Contract, key: u16, columns: &[String], role: Role) -> Option<Self> {
        let place = |name: &String| {
            let place = head.names.iter().position(|known| known == name)?;
            let field = contract.fields.iter().find(|field| field.name == *name);
            // Of another file's columns no type is known.
            Some((place, field.is_none_or(|field| matches!(field.kind, None | Some(ValueType::Text)))))
        };
        Some(Self { key, columns: columns.iter().map(place).collect::<Option<_>>()?, role })
    }

    /// The values of a record, one after the other; false when one of them is not there.
    pub fn each(&self, at: At<'_>, buffer: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> bool {
        self.columns.iter().all(|&(column, of_texts)| {
            let (start, end) = at.split.field(at.record, column);
            let bytes = at.text.get(start..end);
            let value = bytes.and_then(|bytes| at.nulls.value(bytes, at.dialect, of_texts, buffer));
            value.is_some_and(|value| {
                take(value);
                true
            })
        })
    }

    /// The hash of a record's values, when all are there.
    pub fn hash(&self, at: At<'_>, buffer: &mut Vec<u8>, joined: &mut Vec<u8>) -> Option<Hash> {
        if self.columns.len() == 1 {
            let mut hash = None;
            self.each(at, buffer, |value| hash = Some(Hash::of(value)));
            return hash;
        }
        joined.clear();
        let is_whole = self.each(at, buffer, |value| {
            // With its length: "a", "bc" are not "ab", "c".
            joined.extend_from_slice(&(value.len() as u64).to_le_bytes());
            joined.extend_from_slice(value);
        });
        is_whole.then(|| Hash::of(joined))
    }
}

impl ValidationPlan {
    /// The key whose values a column holds, alone and only once.
    pub fn unique(&self, column: usize) -> Option<u16> {
        let is_of = |holding: &&Holding| holding.role == Role::UniqueColumn && holding.columns[0].0 == column;
        self.keys.iter().find(is_of).map(|holding| holding.key)
    }

    /// True when values of the file itself are compared.
    pub fn has_own_keys(&self) -> bool {
        self.keys.iter().any(|holding| holding.role.scope() == Scope::File)
    }

    /// Keys whose values have to be in another file.
    pub fn refers(&self) -> impl Iterator<Item = u16> {
        let of = |holding: &&Holding| holding.role == Role::Refers(Scope::Files);
        self.keys.iter().filter(of).map(|holding| holding.key)
    }
}

impl Validate {
    /// What stands for no value in a file.
    pub fn nulls_of(&self, plan: &ValidationPlan) -> &Nulls {
        &self.nulls[plan.dataset.unwrap_or(0)]
    }

    /// What a file is checked for, whose text begins with `start`.
    pub fn plan(&self, head: &Head, start: &[u8]) -> ValidationPlan {
        let again = self.keys.again(&head.path);
        let mut plan = ValidationPlan {
            number: again.unwrap_or_else(|| self.keys.number()),
            dataset: self.schemas.of(&head.names),
            is_again: again.is_some(),
            is_reference: false,
            fields: Vec::new(),
            keys: Vec::new(),
            named: Vec::new(),
            missing: Vec::new(),
            extra: Vec::new(),
            typed: HashMap::new(),
            objects: Vec::new(),
            rules: None,
        };
        let Some(dataset) = plan.dataset else {
            let samples = records::sample(head, start, self.nulls_of(&plan), &self.formats);
            let field = |(name, sample): (&String, Sample)| {
                let format = self.formats.get(name);
                let kind = format.map_or(sample.needs.kind, |format| Some(format.widest()));
                Some(Field { format: format.cloned(), ..Field::of(name.clone(), kind) })
            };
            plan.fields = head.names.iter().zip(samples).map(field).collect();
            plan.rules = self.file_rules(head, &plan.fields);
            return plan;
        };
        let Resource { name, schema: contract, .. } = &self.schemas.resources[dataset];
        for ((place, key), &owner) in self.keys.all.iter().enumerate().zip(&self.owners) {
            if owner == dataset {
                plan.take_own(head, contract, place as u16, key);
            }
            plan.take_referenced(head, self.schemas.resources.get(dataset), place as u16, key);
        }
        let missing = || contract.fields.iter().filter(|field| !head.names.contains(&field.name));
        // Files of a package have a schema of their own.
        if name.is_empty() && !plan.named.is_empty() && missing().next().is_some() {
            plan.is_reference = true;
            plan.keys.retain(|holding| !matches!(holding.role, Role::UniqueColumn | Role::Unique));
            plan.fields = vec![None; head.names.len()];
            return plan;
        }
        let field = |name: &String| contract.fields.iter().find(|field| field.name == *name).cloned();
        plan.fields = head.names.iter().map(field).collect();
        plan.missing = missing().cloned().collect();
        plan.extra =
            plan.fields.iter().enumerate().filter(|(_, field)| field.is_none()).map(|(place, _)| place).collect();
        plan.take_types(head);
        plan.rules = self.file_rules(head, &plan.fields);
        plan
    }
}

impl ValidationPlan {
    /// What the file is to a key of its schema.
    fn take_own(&mut self, head: &Head, contract: &Contract, place: u16, key: &Key) {
        let holding = |columns: &[String], role| Holding::new(head, contract, place, columns, role);
        let Some(Reference { resource, columns }) = &key.reference else {
            let is_column = key.columns.len() == 1;
            self.keys.extend(holding(&key.columns, if is_column { Role::UniqueColumn } else { Role::Unique }));
            return;
        };
        if resource.is_empty() {
            let (from, to) = (Role::Refers(Scope::File), Role::Referenced(Scope::File));
            // A column that is missing is an error of its own.
            if let (Some(from), Some(to)) = (holding(&key.columns, from), holding(columns, to)) {
                self.keys.extend([from, to]);
            }
            return;
        }
        self.keys.extend(holding(&key.columns, Role::Refers(Scope::Files)));
    }

    /// What the file is to a key that may refer to it: by its path, or as one of the dataset that the key names.
    fn take_referenced(&mut self, head: &Head, own: Option<&Resource>, place: u16, key: &Key) {
        let (Some(Reference { resource, columns }), Some(own)) = (&key.reference, own) else { return };
        if resource.is_empty() {
            return;
        }
        let is_exact = head.path == resource.as_bytes() || own.name == *resource;
        if is_exact || records::stem(&head.path) == resource.as_bytes() {
            let referenced = Holding::new(head, &own.schema, place, columns, Role::Referenced(Scope::Files));
            self.named.push(Named { key: place, is_exact, has_columns: referenced.is_some() });
            self.keys.extend(referenced);
        }
    }
}
