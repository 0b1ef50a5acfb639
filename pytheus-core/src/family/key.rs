//! Writing the labels of a series from values, as the key of the series.

use crate::labels::{Form, push_escaped};
use std::cell::Cell;

/// How a family's labels are written, in exported order.
#[derive(Debug)]
pub(super) struct Template {
    form: Form,
    labels: Vec<Label>,
}

#[derive(Debug)]
struct Label {
    /// What stands before the value.
    open: String,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// Of a constant label, as it was given.
    Constant(String),
    /// That of which of the declared labels.
    Declared(usize),
}

impl Template {
    /// `order` are the label names as exported, `constants` the ones with a value of the registry,
    /// `declared` the others in the order in which values are given.
    pub(super) fn new(
        form: Form,
        order: &[String],
        constants: &[(String, String)],
        declared: &[String],
    ) -> Self {
        let label = |(place, name): (usize, &String)| {
            let mut open = String::new();
            form.open(&mut open, place, name);
            let value = match constants.iter().find(|(constant, _)| constant == name) {
                Some((_, value)) => Value::Constant(value.clone()),
                None => Value::Declared(declared.iter().position(|label| label == name)?),
            };
            Some(Label { open, value })
        };
        Self { form, labels: order.iter().enumerate().filter_map(label).collect() }
    }

    /// Appends the labels with these values, in declared order.
    pub(super) fn write(&self, values: &[&str], text: &mut String) {
        for label in &self.labels {
            text.push_str(&label.open);
            push_escaped(
                text,
                match &label.value {
                    Value::Constant(value) => value,
                    Value::Declared(place) => values.get(*place).copied().unwrap_or_default(),
                },
            );
            self.form.close(text);
        }
    }
}

thread_local! {
    /// Kept between look-ups, so that they allocate nothing.
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
}

/// Larger buffers are not kept.
const KEEP_BYTES: usize = 4096;

/// Calls `use_text` with what `write` wrote.
pub(super) fn with_text<R>(write: impl FnOnce(&mut String), use_text: impl FnOnce(&str) -> R) -> R {
    let mut text = SCRATCH.try_with(Cell::take).unwrap_or_default();
    text.clear();
    write(&mut text);
    let result = use_text(&text);
    if text.capacity() <= KEEP_BYTES {
        // Gone with the thread: the text is dropped here then.
        let _ = SCRATCH.try_with(|scratch| scratch.set(text));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_are_written_in_exported_order_whatever_the_declared_one() {
        let constants = [("zone".to_owned(), "e\"u".to_owned())];
        let order = names(&["zone", "b", "a"]);
        let written = |form| {
            let mut text = String::new();
            let template = Template::new(form, &order, &constants, &names(&["a", "b"]));
            template.write(&["1", "2\n"], &mut text);
            text
        };
        assert_eq!(written(Form::Canonical), r#"zone="e\"u",b="2\n",a="1""#);
        assert_eq!(written(Form::Values), "e\\\"u\n2\\n\n1\n");
    }

    #[test]
    fn a_family_without_labels_has_no_text() {
        let mut text = String::new();
        Template::new(Form::Canonical, &[], &[], &[]).write(&[], &mut text);
        assert_eq!(text, "");
    }
}
