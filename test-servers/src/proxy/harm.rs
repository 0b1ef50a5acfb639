//! What a proxy does to requests, and how it chooses.

use std::time::Duration;

/// What happens to one request.
///
/// A request is what a client sends before it waits for replies: one command, or several at once.
///
/// # Examples
///
/// ```
/// use pytheus_test_servers::HarmKind;
///
/// assert!(HarmKind::CutReply.cuts());
/// assert!(!HarmKind::Delay(std::time::Duration::from_millis(5)).cuts());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HarmKind {
    /// The server gets the first half of the bytes; then the connection is cut.
    CutRequest,
    /// The server has answered; the client gets nothing of it, and the connection is cut.
    CutBeforeReply,
    /// The client gets the first half of the answer's bytes; then the connection is cut.
    CutReply,
    /// The connection is cut, and the request reaches the server this much later: after the client
    /// tried again.
    ForwardLate(Duration),
    /// The server gets nothing, and the client no answer, to this and whatever it sends later on the
    /// connection, which stays open.
    Swallow,
    /// The server gets the request this much later.
    Delay(Duration),
}

impl HarmKind {
    /// Whether it ends the connection.
    pub fn cuts(self) -> bool {
        !matches!(self, Self::Swallow | Self::Delay(_))
    }
}

/// Harm to some of the requests, the same ones for the same seed.
///
/// The choice depends on the seed and on how many requests came before since [`Proxy::harm`], over
/// all connections. What a client says by itself when it connects (`HELLO`, `AUTH`, `SELECT`…) is a
/// request as well.
///
/// [`Proxy::harm`]: crate::Proxy::harm
///
/// # Examples
///
/// ```
/// use pytheus_test_servers::{Harm, HarmKind};
///
/// let kinds = vec![HarmKind::CutRequest, HarmKind::CutReply];
/// let harm = Harm { probability_percent: 100, kinds, seed: 7 };
/// assert_eq!(harm.choose(3), harm.clone().choose(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harm {
    /// How many in a hundred requests are harmed, 0 to 100.
    pub probability_percent: u8,
    /// What can happen to them, each as likely as the others.
    pub kinds: Vec<HarmKind>,
    /// Another seed chooses other requests.
    pub seed: u64,
}

impl Harm {
    /// What happens to the request with this number, from 0.
    pub fn choose(&self, request: u64) -> Option<HarmKind> {
        let random = scramble(self.seed ^ scramble(request));
        let (percent, kind) = (random % 100, (random / 100) % self.kinds.len().max(1) as u64);
        if percent >= u64::from(self.probability_percent) {
            return None;
        }
        self.kinds.get(usize::try_from(kind).ok()?).copied()
    }
}

/// The step of SplitMix64 (Steele, Lea and Flood, 2014).
fn scramble(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(probability_percent: u8, seed: u64) -> Vec<Option<HarmKind>> {
        let kinds = vec![HarmKind::CutRequest, HarmKind::CutBeforeReply, HarmKind::CutReply];
        let harm = Harm { probability_percent, kinds, seed };
        (0..3000).map(|request| harm.choose(request)).collect()
    }

    #[test]
    fn about_the_told_part_of_the_requests_is_harmed_and_every_kind_alike() {
        let chosen = chosen(20, 1);
        for kind in [HarmKind::CutRequest, HarmKind::CutBeforeReply, HarmKind::CutReply] {
            let count = chosen.iter().filter(|chosen| **chosen == Some(kind)).count();
            assert!((150..250).contains(&count), "{kind:?}: {count}");
        }
    }

    #[test]
    fn none_and_all_are_exact() {
        assert!(chosen(0, 1).iter().all(Option::is_none));
        assert!(chosen(100, 1).iter().all(Option::is_some));
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(chosen(50, 1), chosen(50, 1));
        assert_ne!(chosen(50, 1), chosen(50, 2));
    }

    #[test]
    fn without_kinds_there_is_no_harm() {
        let harm = Harm { probability_percent: 100, kinds: Vec::new(), seed: 1 };
        assert_eq!(harm.choose(0), None);
    }
}
