//! Both tables of series there are: the striped engine's, and the one for cells.

use pytheus_backend_local::Local;
use pytheus_core::cells::Heap;
use pytheus_core::{Backend, Storage};
use std::sync::Arc;

#[derive(Debug)]
struct OnHeap(Storage);

impl Backend for OnHeap {
    fn name(&self) -> &'static str {
        "heap"
    }
    fn storage(&self) -> Storage {
        self.0.clone()
    }
}

pub(crate) fn backends() -> [Arc<dyn Backend>; 2] {
    [Arc::new(Local::new()), Arc::new(OnHeap(Storage::cells(Heap)))]
}
