//! The visitor that writes a page to memory, which cannot fail.

use super::chunk::Chunk;
use super::family::Family;
use crate::escaping::LabelRewriter;
use pytheus_core::{FamilyDesc, Labels, Stop, Value, Visitor};
use std::collections::HashSet;

/// The text of a page, and what keeps it valid.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The text so far; whoever takes it away clears it.
    pub(super) chunk: Chunk,
    current: Current,
    /// The names on the page so far, of families and of their samples.
    names: HashSet<String>,
    rewriter: LabelRewriter,
}

/// The family that series belong to.
#[derive(Debug, Default)]
enum Current {
    #[default]
    None,
    LeftOut,
    Family(Family),
}

impl Page {
    /// Whether none of the family's names is on the page yet; if so, all are from now on.
    fn claim_names(&mut self, family: &Family) -> bool {
        if family.names().any(|name| self.names.contains(&name)) {
            return false;
        }
        self.names.extend(family.names());
        true
    }

    #[inline(never)]
    fn series_with_care(&mut self, labels: Labels<'_>, value: &Value<'_>) {
        let family = match &self.current {
            Current::Family(family) => family,
            Current::LeftOut => return,
            Current::None => {
                let why = format!("series {labels:?}: no family came before it");
                return push_left_out(&mut self.chunk, &why);
            }
        };
        let own = match family.rewrites_labels_around() {
            None => labels.canonical(),
            Some(reserved) => self.rewriter.rewrite(labels.canonical(), reserved),
        };
        if let Err(misfit) = family.push_series(&mut self.chunk, own, value) {
            let name = family.name();
            push_left_out(&mut self.chunk, &format!("series {name}{labels:?}: {misfit}"));
        }
    }
}

impl Visitor for Page {
    fn family(&mut self, desc: &FamilyDesc) -> Result<(), Stop> {
        let family = Family::new(&desc.identity);
        if self.claim_names(&family) {
            family.push_header(&mut self.chunk, &desc.help);
            self.current = Current::Family(family);
            return Ok(());
        }
        let (given, written) = (&desc.identity.name, family.name());
        push_left_out(
            &mut self.chunk,
            &format!(
                "family {given}: {written}, or a name its samples have, is on this page already"
            ),
        );
        self.current = Current::LeftOut;
        Ok(())
    }

    #[inline]
    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        // Most series have a value that fits, and labels that are copied.
        if let Current::Family(family) = &self.current
            && family.rewrites_labels_around().is_none()
            && family.push_series(&mut self.chunk, labels.canonical(), value).is_ok()
        {
            return Ok(());
        }
        self.series_with_care(labels, value);
        Ok(())
    }
}

/// Appends a comment, which readers of the format skip. Names may hold line feeds.
fn push_left_out(chunk: &mut Chunk, what_and_why: &str) {
    chunk.push(format!("# left out {}\n", what_and_why.replace('\n', "\\n")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use pytheus_core::{Identity, Kind};

    fn page(families: impl IntoIterator<Item = (&'static str, Kind)>) -> String {
        let mut page = Page::default();
        for (name, kind) in families {
            page.family(&FamilyDesc::new(Identity::new(name, kind), "")).unwrap();
            let _ = page.series(Labels::none(), &Value::Gauge { value: 1.0 });
        }
        String::from_utf8(page.chunk.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn of_two_names_that_fall_together_the_first_is_written() {
        assert_eq!(
            page([("a.b", Kind::Gauge), ("a_b", Kind::Gauge), ("c", Kind::Gauge)]),
            "# HELP a_b \n# TYPE a_b gauge\na_b 1\n\
             # left out family a_b: a_b, or a name its samples have, is on this page already\n\
             # HELP c \n# TYPE c gauge\nc 1\n"
        );
    }

    #[test]
    fn names_of_samples_are_names_too() {
        for (first, second) in [
            (("h", Kind::Histogram), ("h_count", Kind::Gauge)),
            (("h_count", Kind::Gauge), ("h", Kind::Histogram)),
            (("h", Kind::Histogram), ("h_bucket", Kind::Gauge)),
            (("s", Kind::Summary), ("s_sum", Kind::Gauge)),
            (("i", Kind::Info), ("i_info", Kind::Gauge)),
            (("h", Kind::Histogram), ("h_sum", Kind::Summary)),
            (("g", Kind::Gauge), ("g", Kind::Gauge)),
        ] {
            let text = page([first, second]);
            assert!(text.contains(&format!("# left out family {}: ", second.0)), "{text}");
        }
    }

    #[test]
    fn names_that_only_look_alike_are_both_written() {
        let text =
            page([("s", Kind::Summary), ("s_bucket", Kind::Gauge), ("s_count_x", Kind::Gauge)]);
        assert!(!text.contains("left out family"), "{text}");
    }

    #[test]
    fn a_series_before_the_first_family_is_left_out() {
        let mut page = Page::default();
        let labels = Labels::from_canonical("a=\"1\"");
        page.series(labels, &Value::Info).unwrap();
        assert_eq!(
            page.chunk.as_bytes(),
            b"# left out series {a=\"1\"}: no family came before it\n"
        );
    }

    #[test]
    fn a_comment_is_one_line_whatever_the_name() {
        assert_eq!(page([("x_y", Kind::Gauge), ("x\ny", Kind::Gauge)]).lines().count(), 4);
    }
}
