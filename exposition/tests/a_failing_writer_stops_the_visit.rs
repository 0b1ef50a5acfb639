//! How pages reach a writer, and what becomes of a writer's error.

mod fixed;

use fixed::Fixed;
use pytheus_core::{
    Collection, FamilyDesc, Identity, Kind, Labels, LabelsBuf, Stop, Value, Visitor,
};
use pytheus_exposition::{TextEncoder, encode_text, render_blocking};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SERIES: usize = 50_000;

/// Takes `room` bytes, then has none left.
#[derive(Debug, Default)]
struct Full {
    room: usize,
    writes: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if self.room == 0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no room left"));
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows one gauge with many series, and counts them.
fn many(shown: Arc<AtomicUsize>) -> impl fixed::Show {
    move |visitor: &mut dyn Visitor| {
        visitor
            .family(&FamilyDesc::new(Identity::new("g", Kind::Gauge).label_names(["n"]), "d"))?;
        (0..SERIES).try_for_each(|n| {
            shown.fetch_add(1, Ordering::Relaxed);
            let labels = LabelsBuf::from_pairs([("n", n.to_string().as_str())]);
            visitor.series(labels.as_labels(), &Value::Gauge { value: 1.5 })
        })
    }
}

#[test]
fn the_visit_ends_where_the_writer_does_and_the_error_is_kept() {
    let shown = Arc::new(AtomicUsize::new(0));
    let collection = Collection::new(Fixed(many(shown.clone())));
    let mut encoder = TextEncoder::new(Full { room: 100_000, writes: 0 });
    assert_eq!(collection.visit(&mut encoder), Err(Stop));
    assert!(shown.load(Ordering::Relaxed) < SERIES / 2, "{shown:?} series were shown");
    assert_eq!(encoder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn an_encoder_that_failed_takes_nothing_more() {
    let collection = Collection::new(Fixed(many(Arc::default())));
    let mut encoder = TextEncoder::new(Full::default());
    assert_eq!(collection.visit(&mut encoder), Err(Stop));
    assert_eq!(encoder.family(&FamilyDesc::new(Identity::new("x", Kind::Info), "")), Err(Stop));
    assert_eq!(encoder.series(Labels::none(), &Value::Info), Err(Stop));
}

#[test]
fn an_error_at_the_very_end_is_an_error_too() {
    let tiny = Collection::new(Fixed(|v: &mut dyn Visitor| {
        v.family(&FamilyDesc::new(Identity::new("g", Kind::Gauge), "d"))
    }));
    let error = encode_text(&tiny, Full { room: 3, writes: 0 }).unwrap_err();
    assert_eq!(error.to_string(), "no room left");
}

#[test]
fn a_page_written_in_chunks_is_the_same_page() {
    let source = Fixed(many(Arc::default()));
    let mut chunked = Vec::new();
    encode_text(&Collection::new(source.clone()), &mut chunked).unwrap();
    assert!(chunked == render_blocking(&source).unwrap());
    assert_eq!(chunked.iter().filter(|b| **b == b'\n').count(), SERIES + 2);
}

#[test]
fn the_writer_is_called_once_per_chunk_and_not_per_line() {
    let mut writer = Full { room: usize::MAX, writes: 0 };
    encode_text(&Collection::new(Fixed(many(Arc::default()))), &mut writer).unwrap();
    let bytes = usize::MAX - writer.room;
    assert!(writer.writes >= 2, "{bytes} bytes came in {} writes", writer.writes);
    assert!(
        writer.writes <= bytes / (60 * 1024) + 1,
        "{bytes} bytes came in {} writes",
        writer.writes
    );
}
