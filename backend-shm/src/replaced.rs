//! What a scrape shows when the segment's name means another file.

use pytheus_core::{Collection, FamilyDesc, Identity, Kind, Labels, Stop, Value, Visit, Visitor};

const NAME: &str = "pytheus_segment_replaced";

/// A collection with one more gauge, which is 1.
pub(crate) struct ReplacedSegment(Collection);

impl ReplacedSegment {
    pub(crate) fn new(collection: Collection) -> Self {
        Self(collection)
    }
}

impl Visit for ReplacedSegment {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let mut inserted = Inserted { visitor, is_shown: false };
        self.0.visit(&mut inserted)?;
        inserted.show()
    }
}

/// Hands on what it is shown, with the gauge where its name belongs.
struct Inserted<'a> {
    visitor: &'a mut dyn Visitor,
    is_shown: bool,
}

impl Inserted<'_> {
    fn show(&mut self) -> Result<(), Stop> {
        if std::mem::replace(&mut self.is_shown, true) {
            return Ok(());
        }
        let help = "1 if the file of the metrics was removed or replaced: processes that start later \
                    use another one";
        self.visitor.family(&FamilyDesc::new(Identity::new(NAME, Kind::Gauge), help))?;
        self.visitor.series(Labels::none(), &Value::Gauge { value: 1.0 })
    }
}

impl Visitor for Inserted<'_> {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        if *family.identity.name > *NAME {
            self.show()?;
        }
        self.visitor.family(family)
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        self.visitor.series(labels, value)
    }
}
