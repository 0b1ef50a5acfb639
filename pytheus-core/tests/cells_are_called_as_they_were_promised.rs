//! What those who hand out cells are promised: amounts, room to read, one cell per series.

use pytheus_core::cells::{Cells, CounterCell, GaugeCell, Heap, HistogramCell};
use pytheus_core::{
    Backend, BackendError, BackendErrorKind, Counter, Family, FamilyDesc, Kind, Labels, Number,
    RegisterError, Registry, Stop, Storage, Value, Visitor,
};
use std::sync::{Arc, Barrier, Mutex, OnceLock};

/// What was called, in order.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    fn note(&self, call: String) {
        self.0.lock().unwrap().push(call);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Refuses cells for series whose labels hold this.
const REFUSED: &str = "refused";

impl Cells for Calls {
    fn counter(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn CounterCell>, BackendError> {
        self.open("counter", family, labels, &[Kind::Counter])?;
        Ok(Arc::new(Noting { calls: self.clone(), places: 0 }))
    }

    fn gauge(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn GaugeCell>, BackendError> {
        let kinds = [Kind::Gauge, Kind::UpDownCounter, Kind::StateSet, Kind::Info];
        self.open("gauge", family, labels, &kinds)?;
        Ok(Arc::new(Noting { calls: self.clone(), places: 0 }))
    }

    fn histogram(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError> {
        self.open("histogram", family, labels, &[Kind::Histogram, Kind::Summary])?;
        let places = family.identity.buckets.len() + 1;
        Ok(Arc::new(Noting { calls: self.clone(), places }))
    }

    fn removed(&self, family: &FamilyDesc, labels: Labels<'_>) {
        self.note(format!("removed {}{labels:?}", family.identity.name));
    }
}

impl Calls {
    fn open(
        &self,
        what: &str,
        family: &FamilyDesc,
        labels: Labels<'_>,
        kinds: &[Kind],
    ) -> Result<(), BackendError> {
        let name = &family.identity.name;
        assert!(kinds.contains(&family.identity.kind), "{what} for {name}");
        self.note(format!("{what} {name}{labels:?}"));
        if labels.canonical().contains(REFUSED) {
            return Err(BackendError::new("noting", BackendErrorKind::Full, "as asked for"));
        }
        Ok(())
    }
}

struct Noting {
    calls: Calls,
    places: usize,
}

impl CounterCell for Noting {
    fn add(&self, amount: Number) {
        let value = amount.as_f64();
        assert!(value.is_finite() && value >= 0.0, "a counter is never told {amount:?}");
        self.calls.note(format!("add {amount:?}"));
    }

    fn get(&self) -> Option<Number> {
        Some(Number::Int(7))
    }

    fn refused(&self) {
        self.calls.note("refused".into());
    }
}

impl GaugeCell for Noting {
    fn set(&self, value: f64) {
        self.calls.note(format!("set {value}"));
    }

    fn add(&self, amount: f64) {
        self.calls.note(format!("move {amount}"));
    }
}

impl HistogramCell for Noting {
    fn observe(&self, value: f64) {
        self.calls.note(format!("observe {value}"));
    }

    fn read(&self, counts: &mut [u64]) -> Option<f64> {
        assert_eq!(counts.len(), self.places, "one place per bound and one for +Inf");
        counts.fill(1);
        Some(0.5)
    }
}

#[derive(Debug)]
struct OnCells(Storage);

impl Backend for OnCells {
    fn name(&self) -> &'static str {
        "noting"
    }

    fn storage(&self) -> Storage {
        self.0.clone()
    }
}

fn noting() -> (Registry, Calls) {
    let calls = Calls::default();
    (Registry::new(OnCells(Storage::cells(calls.clone()))), calls)
}

#[test]
fn a_cell_is_asked_for_once_per_series_and_told_of_every_update() {
    let (registry, calls) = noting();
    let family = registry.counter("c_total", "help").label_names(["a"]).register().unwrap();
    assert_eq!(calls.take(), [""; 0], "a family alone asks for nothing");
    family.with(["1"]).inc();
    family.with(["1"]).inc_by(0.5);
    family.with(["1"]).inc_by(-1);
    family.labels([("a", "1")]).unwrap().resolve().unwrap().inc_by(3.0);
    assert_eq!(
        calls.take(),
        ["counter c_total{a=\"1\"}", "add Int(1)", "add Float(0.5)", "refused", "add Int(3)"]
    );
    assert!(family.remove(["1"]));
    assert_eq!(calls.take(), ["removed c_total{a=\"1\"}"]);
    family.with(["1"]);
    family.with(["2"]);
    registry.unregister("c_total");
    let mut rest = calls.take();
    rest.sort_unstable();
    assert_eq!(
        rest,
        [
            "counter c_total{a=\"1\"}",
            "counter c_total{a=\"2\"}",
            "removed c_total{a=\"1\"}",
            "removed c_total{a=\"2\"}",
        ]
    );
}

#[test]
fn a_gauge_cell_is_told_what_was_done() {
    let (registry, calls) = noting();
    let gauge = registry.gauge("g", "help").register().unwrap();
    gauge.set(2);
    gauge.dec();
    registry.up_down_counter("u", "help").register().unwrap().add(-3);
    let set = registry.state_set("st", "help").states(["a", "b"]).register().unwrap();
    set.only("b").unwrap();
    registry.info("i", "help").register().unwrap();
    let told = [
        "gauge g{}",
        "set 2",
        "move -1",
        "gauge u{}",
        "move -3",
        "gauge st{}",
        "set 2",
        "gauge i{}",
        "set 1",
    ];
    assert_eq!(calls.take(), told);
    assert_eq!(gauge.get(), None, "a cell that is not read back reads as nothing");
    assert_eq!(registry.value("g", []).unwrap(), None, "and is not shown");
}

#[test]
fn a_state_set_keeps_its_other_states_where_nothing_is_read_back() {
    let (registry, calls) = noting();
    let family = registry.state_set("st", "help").states(["a", "b", "c"]).label_names(["l"]);
    let family = family.register().unwrap();
    family.with(["1"]).only("a").unwrap();
    family.with(["1"]).set("c", true).unwrap();
    family.with(["2"]).set("b", true).unwrap();
    family.with(["1"]).set("a", false).unwrap();
    let told = ["gauge st{l=\"1\"}", "set 1", "set 5", "gauge st{l=\"2\"}", "set 2", "set 4"];
    assert_eq!(calls.take(), told);
    assert_eq!(family.with(["1"]).is_active("c"), None, "what is not read back is not told");
}

/// Notes what a state set is set to, and takes long over the first state alone.
#[derive(Clone)]
struct Slow {
    told: Arc<Mutex<Vec<f64>>>,
    begins: Arc<Barrier>,
    ends: Arc<Barrier>,
}

impl GaugeCell for Slow {
    fn set(&self, value: f64) {
        if value == 1.0 {
            self.begins.wait();
            self.ends.wait();
        }
        self.told.lock().unwrap().push(value);
    }

    fn add(&self, _: f64) {
        unreachable!("a state set is set");
    }
}

impl Cells for Slow {
    fn counter(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn CounterCell>, BackendError> {
        Heap.counter(family, labels)
    }

    fn gauge(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn GaugeCell>, BackendError> {
        Ok(Arc::new(self.clone()))
    }

    fn histogram(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError> {
        Heap.histogram(family, labels)
    }
}

#[test]
fn a_cell_is_told_last_what_all_changes_of_its_states_come_to() {
    let barrier = || Arc::new(Barrier::new(2));
    let cells = Slow { told: Arc::default(), begins: barrier(), ends: barrier() };
    let registry = Registry::new(OnCells(Storage::cells(cells.clone())));
    let set = registry.state_set("st", "help").states(["a", "b"]).register().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| set.set("a", true).unwrap());
        cells.begins.wait();
        set.set("b", true).unwrap(); // while the cell is being told of the other
        cells.ends.wait();
    });
    assert_eq!(*cells.told.lock().unwrap(), [3.0, 1.0, 3.0]);
}

#[test]
fn a_histogram_cell_is_read_with_a_place_per_bucket() {
    let (registry, _) = noting();
    let histogram = registry.histogram("h", "help").buckets([1.0, 2.0]).register().unwrap();
    let summary = registry.summary("s", "help").register().unwrap();
    assert_eq!(histogram.get(), Some((0.5, 3)));
    assert_eq!(summary.get(), Some((0.5, 1)));
    assert_eq!(registry.value("h_count", []).unwrap(), Some(3.0));
    assert_eq!(registry.value("s_count", []).unwrap(), Some(1.0));
}

#[test]
fn a_cell_refused_at_registration_is_an_error_and_registers_nothing() {
    let (registry, calls) = noting();
    let family = registry.counter("c_total", "help").label_names(["a"]);
    let error = family.default_label("a", REFUSED).register().unwrap_err();
    assert!(
        matches!(&error, RegisterError::Backend(error) if error.kind == BackendErrorKind::Full),
        "{error}"
    );
    assert_eq!(calls.take(), ["counter c_total{a=\"refused\"}"]);
    assert!(!registry.unregister("c_total"), "nothing was registered");
}

#[test]
fn a_cell_refused_later_counts_in_the_overflow_series() {
    let (registry, calls) = noting();
    let family = registry.counter("c_total", "help").label_names(["a"]).register().unwrap();
    family.with([REFUSED]).inc();
    assert_eq!(
        calls.take(),
        ["counter c_total{a=\"refused\"}", "counter c_total{a=\"__overflow__\"}", "add Int(1)"]
    );
    let overflowed = registry.value("pytheus_overflowed_lookups_total", [("family", "c_total")]);
    assert_eq!(overflowed.unwrap(), Some(1.0));
}

/// Looks up a series of the same family while it is asked for the first cell.
#[derive(Clone, Default)]
struct LooksUp(Arc<OnceLock<Family<Counter, 1>>>);

impl Cells for LooksUp {
    fn counter(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn CounterCell>, BackendError> {
        if labels.canonical().contains("first") {
            self.0.get().unwrap().with(["second"]).inc();
        }
        Heap.counter(family, labels)
    }

    fn gauge(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn GaugeCell>, BackendError> {
        Heap.gauge(family, labels)
    }

    fn histogram(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError> {
        Heap.histogram(family, labels)
    }
}

#[test]
fn whoever_hands_out_cells_may_use_metrics_and_the_cap_holds() {
    let cells = LooksUp::default();
    let registry = Registry::new(OnCells(Storage::cells(cells.clone())));
    let family = registry.counter("c_total", "help").label_names(["a"]).max_series(1);
    let family = family.register().unwrap();
    cells.0.set(family.clone()).unwrap();
    family.with(["first"]).inc_by(3);
    let value = |value| registry.value("c_total", [("a", value)]).unwrap();
    assert_eq!(value("second"), Some(1.0), "it came first in the end");
    assert_eq!(value("first"), None);
    assert_eq!(value("__overflow__"), Some(3.0));
}

#[test]
fn the_same_label_values_are_never_two_series_while_others_remove_them() {
    let (registry, _) = noting();
    let family = registry.counter("c_total", "help").label_names(["a"]).register().unwrap();
    for _ in 0..200 {
        std::thread::scope(|scope| {
            scope.spawn(|| family.clear());
            scope.spawn(|| {
                family.remove(["1"]);
                family.with(["1"]);
            });
            scope.spawn(|| family.retain(|_| false));
        });
        let before = shown_by(&registry);
        family.with(["1"]);
        assert!(shown_by(&registry) <= 1 && before <= 1, "one series, however often it was made");
    }
}

/// How many series the one family shows.
fn shown_by(registry: &Registry) -> usize {
    struct Count(usize);
    impl Visitor for Count {
        fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
            Ok(())
        }
        fn series(&mut self, _: Labels<'_>, _: &Value<'_>) -> Result<(), Stop> {
            self.0 += 1;
            Ok(())
        }
    }
    let mut count = Count(0);
    registry.collect_blocking().unwrap().visit(&mut count).unwrap();
    count.0
}
