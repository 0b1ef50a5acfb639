//! The labels of exemplars.

use crate::ExemplarError;
use crate::labels::push_pair;
use crate::names::{Naming, check_label_name};

/// OpenMetrics 1.0, section "Exemplars".
const MAX_CODE_POINTS: usize = 128;

/// The canonical text of an exemplar's labels.
pub(super) fn canonical<'a>(
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<String, ExemplarError> {
    let mut code_points = 0;
    let mut names: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut wrong = None;
    for (name, value) in labels {
        code_points += name.chars().count() + value.chars().count();
        let twice = names.contains(&name).then_some("it stands twice; give each label once");
        let reason = check_label_name(name, Naming::Legacy).err().or(twice);
        if let (Some(reason), None) = (reason, &wrong) {
            wrong = Some(ExemplarError::Name { name: name.to_owned(), reason });
        }
        // What is too long is counted to its end, for the message, but not kept.
        if code_points <= MAX_CODE_POINTS {
            names.push(name);
            push_pair(&mut text, name, value);
        }
    }
    match wrong {
        Some(error) => Err(error),
        None if code_points > MAX_CODE_POINTS => Err(ExemplarError::TooLong { code_points }),
        None => Ok(text),
    }
}
