//! What does a page cost that is read from the server, and is it ever wrong?

use super::{consistency, memory, pages};
use crate::Group;

pub(in crate::groups) const GROUP: Group = Group {
    name: "redis-scrape",
    about: "a page of what is kept in Redis: its time, its memory, its consistency",
    cases: || {
        vec![
            pages::counters(),
            pages::many_counters(),
            pages::histograms(),
            memory::counters(),
            memory::histograms(),
            consistency::case(),
        ]
    },
};
