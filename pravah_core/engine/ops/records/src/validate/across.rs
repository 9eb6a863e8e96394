//! Rules across columns: which of them a file is checked for, and what they did not decide in it.

use std::sync::atomic::Ordering::Relaxed;

use super::Validate;
use super::file::FileValidation;
use super::rules::{FileRules, Fit, Tally};
use super::tables::RuleResult;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::run::records::{Head, Of};
use pravah_foundation::tabular::contract::Field;

impl Validate {
    /// What the rules are to a file; none without a rule.
    pub fn file_rules(&self, head: &Head, fields: &[Option<Field>]) -> Option<FileRules> {
        (!self.set.rules.is_empty()).then(|| FileRules::new(&self.set, head, fields))
    }

    /// Tell which rules could not be computed; true when there is one. Where a value is missing, a rule is kept, as a
    /// check of SQL is: that is counted only.
    pub fn tell_undecided(&self, of: &Of<'_, Self>, file: &mut FileValidation, records: u64) -> bool {
        let Some(rules) = &of.plan.rules else { return false };
        let (mut is_undecided, mut is_kept) = (false, file.figures.iter().all(|figure| figure.failure().is_none()));
        for ((rule, fit), tally) in self.set.rules.iter().zip(&rules.fits).zip(&mut file.tallies) {
            if rule.is_aggregate {
                // Its dataset is not decided, of which this file is a part.
                is_kept &= !matches!(fit, Fit::Unfit(_));
                continue;
            }
            if let Fit::Unfit(reason) = fit {
                let first = (records > 0).then_some(1);
                *tally = Tally { nulls: 0, failed: records, first, reason: reason.clone() };
            } else if tally.failed == 0 {
                continue;
            }
            is_undecided = true;
            let (name, failed, reason) = (&rule.name, tally.failed, &tally.reason);
            let message = format!("the rule {name:?} could not be decided for {failed} of {records} records: {reason}");
            self.context.control.remark("validate", &of.head.path, IssueKind::Unsupported, message);
        }
        if is_undecided || !is_kept {
            // What is kept of it would not say that.
            file.gathered = None;
        }
        is_undecided
    }

    /// What the rules made of a file.
    pub fn rule_results(&self, of: &Of<'_, Self>, file: &FileValidation) -> Vec<RuleResult> {
        let Some(rules) = &of.plan.rules else { return Vec::new() };
        let concerned = rules.fits.iter().zip(&file.tallies).enumerate();
        let concerned = concerned.filter(|(_, (fit, _))| **fit != Fit::IsOfOthers);
        let results: Vec<RuleResult> =
            concerned.map(|(place, (_, tally))| RuleResult { place: place as u16, undecided: tally.clone() }).collect();
        self.apply(&results);
        results
    }

    /// These rules were for some file.
    pub fn apply(&self, results: &[RuleResult]) {
        let applied = results.iter().filter_map(|result| self.applied.get(usize::from(result.place)));
        applied.for_each(|applied| applied.store(true, Relaxed));
    }

    /// The names of rules that are for none of the files.
    pub fn unused(&self) -> Vec<String> {
        let all = self.set.rules.iter().zip(&self.applied);
        let unused = all.filter(|(_, applied)| !applied.load(Relaxed));
        unused.map(|(rule, _)| rule.name.clone()).collect()
    }
}

/// Tell of rules that are for none of the files: nothing was checked. True when there is one.
pub fn tell_unused(names: &[String], control: &Control) -> bool {
    for name in names {
        let message = format!("no file has a column that the rule {name:?} names: it was not checked");
        control.remark("validate", b"", IssueKind::Unsupported, message);
    }
    !names.is_empty()
}
