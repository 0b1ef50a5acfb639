//! Reading a whole engine: families in name order, series in the order they were made.

use super::Engine;
use super::exemplars;
use super::native::{EXEMPLARS, NativeTotals, Scale};
use super::per_process::{self, ModeCode};
use super::place::{layout, run_length};
use super::read;
use super::records::WORD;
use super::series::{Family, is_still};
use super::slots::Stripe;
use super::visited::Visited;
use crate::backend::Visit;
use crate::labels::{Frame, Labels, are_values, is_ascii, is_canonical, push_pair};
use crate::own_metrics::OwnMetrics;
use crate::primitive::Ordering;
use crate::visit::{Exemplar, FamilyDesc, GaugeMode, Identity, Kind, Stop, Value, Visitor};

impl Visit for Engine {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.arena.release_retired();
        let mut visited = Visited::new(self.arena);
        let families = self.families(&mut visited);
        let mut own = OwnMetrics::new(
            families.iter().map(|(desc, family)| {
                (desc.identity.name.as_str(), family.body().events(self.arena))
            }),
            self.arena.lost(),
        );
        let mut scratch = Scratch::default();
        for (desc, family) in &families {
            own.visit_before(&desc.identity.name, visitor)?;
            visitor.family(desc)?;
            family.visit(desc, &mut visited, &mut scratch, visitor)?;
        }
        own.visit_rest(visitor)
    }
}

/// Buffers that are used again for every series.
#[derive(Default)]
struct Scratch {
    values: Vec<u8>,
    text: Vec<u8>,
    with_pid: String,
    counts: Vec<u64>,
    active: Vec<bool>,
    native: NativeTotals,
    positive: Vec<(i32, u64)>,
    negative: Vec<(i32, u64)>,
}

impl Family {
    fn visit(
        &self,
        desc: &FamilyDesc,
        visited: &mut Visited,
        scratch: &mut Scratch,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        let arena = self.engine.arena;
        let Scratch { values, text, with_pid, counts, active, native, positive, negative } =
            scratch;
        let identity = &desc.identity;
        let frame = Frame::new(identity.label_names.as_deref());
        let is_per_process =
            arena.is_shared() && ModeCode::new(identity.gauge_mode).is_per_process();
        let run = run_length(identity);
        let scale = identity.native.map(Scale::new);
        let has_exemplars = self.body().has_exemplars.load(Ordering::Acquire) != 0;
        let mut found: Vec<Option<exemplars::Read>> = Vec::new();
        let epoch = arena.epoch();
        let stripes = arena.stripes_now();
        let mut common_limit = arena.common_limit();
        let family = arena.entry(self.at);
        let is_registered = || family.state() == self.registered;
        // Private memory is as this process wrote it.
        let is_shared = arena.is_shared();
        for at in self.body().series.iter(arena) {
            if is_shared && !visited.take_entry(arena, at) {
                break;
            }
            let entry = arena.entry(at);
            let seen = entry.state();
            if !seen.is_shown() || !seen.is_older(epoch) {
                continue;
            }
            let bytes = arena.copy_text_padded(at, values);
            if !is_still(entry, seen) {
                continue;
            }
            let words = &values.as_chunks().0[..bytes.div_ceil(WORD)];
            if is_shared {
                if !visited.take_text(words.len()) {
                    break;
                }
                if !is_key(identity, words, bytes) {
                    continue;
                }
            }
            let Some(labels) = as_text(frame.expand(words, bytes, text)) else {
                continue;
            };
            let cells = entry.body.load(Ordering::Relaxed);
            if is_shared && !arena.is_run_since(&mut common_limit, cells, run) {
                continue;
            }
            let held = |(limit, _): &&(u32, Stripe)| cells < *limit;
            let stripes = stripes.iter().filter(held).map(|(_, stripe)| *stripe);
            let created = Some(entry.created());
            let examples: Vec<Option<Exemplar<'_>>>;
            let some_examples: Vec<Exemplar<'_>>;
            let value = match identity.kind {
                Kind::Counter => {
                    if has_exemplars {
                        found.clear();
                        found.push(exemplars::read(arena, cells + layout::WHOLE));
                    }
                    let exemplar = found.first().and_then(Option::as_ref).map(as_exemplar);
                    Value::Counter { total: read::counter(stripes, cells), created, exemplar }
                }
                Kind::Gauge if is_per_process => {
                    let (word, mode) = (cells + layout::VALUE, identity.gauge_mode);
                    let is_still = || is_still(entry, seen) && is_registered();
                    per_process::visit(arena, word, mode, labels, is_still, visited, visitor)?;
                    continue;
                }
                Kind::Gauge => Value::Gauge { value: read::gauge(arena, cells) },
                Kind::UpDownCounter => Value::Gauge { value: read::up_down(stripes, cells) },
                Kind::Summary => {
                    let (count, sum) = read::summary(stripes, cells);
                    Value::Summary { count, sum, created }
                }
                Kind::Histogram => {
                    let first = cells + layout::BUCKETS;
                    let buckets = identity.buckets.len() + 1;
                    if has_exemplars {
                        let cells = if scale.is_some() { EXEMPLARS } else { buckets };
                        found.clear();
                        found.extend((first..).take(cells).map(|at| exemplars::read(arena, at)));
                    }
                    let exemplars = found.iter().map(|found| found.as_ref().map(as_exemplar));
                    if let (Some(scale), Some(declared)) = (&scale, identity.native) {
                        native.read(stripes, cells, scale);
                        native.buckets.split(positive, negative);
                        some_examples = exemplars.flatten().collect();
                        Value::NativeHistogram {
                            schema: native.buckets.schema(),
                            zero_threshold: declared.zero_threshold,
                            zero_count: native.zero,
                            count: native.count(),
                            sum: native.sum,
                            positive,
                            negative,
                            created,
                            exemplars: &some_examples,
                        }
                    } else {
                        let sum = read::histogram(stripes, cells, buckets, counts);
                        examples = exemplars.collect();
                        Value::Histogram { counts, sum, created, exemplars: &examples }
                    }
                }
                Kind::StateSet => {
                    let bits = read::states(arena, cells);
                    active.clear();
                    active.extend((0..identity.states.len()).map(|state| bits >> state & 1 == 1));
                    Value::StateSet { active }
                }
                Kind::Info => Value::Info,
                Kind::Unknown => continue,
            };
            // Or else it could be the value of another series in the same record.
            if !is_still(entry, seen) || !is_registered() {
                continue;
            }
            let labels = match identity.gauge_mode {
                GaugeMode::All | GaugeMode::LiveAll => {
                    with_pid.clear();
                    with_pid.push_str(labels);
                    push_pair(with_pid, "pid", &std::process::id().to_string());
                    with_pid.as_str()
                }
                _ => labels,
            };
            visitor.series(Labels::from_canonical(labels), &value)?;
        }
        Ok(())
    }
}

/// Whether a series of the family could have this key.
fn is_key(identity: &Identity, words: &[[u8; WORD]], bytes: usize) -> bool {
    match &identity.label_names {
        Some(names) => are_values(names.len(), words, bytes),
        None => str::from_utf8(&words.as_flattened()[..bytes]).is_ok_and(is_canonical),
    }
}

/// Labels as text, if they are.
#[inline]
fn as_text(labels: &[u8]) -> Option<&str> {
    // Asked first, for to find out more is most of what a line costs otherwise.
    if is_ascii(labels) {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { std::str::from_utf8_unchecked(labels) });
    }
    std::str::from_utf8(labels).ok()
}

fn as_exemplar(read: &exemplars::Read) -> Exemplar<'_> {
    Exemplar::new(Labels::from_canonical(&read.text), read.value, read.at)
}
