//! The store.

use crate::NAME;
use crate::config::{RedisConfig, Target};
use crate::connection::Connection;
use crate::errors::{error, server_error};
use crate::layout::{self, Keys, header_cell};
use crate::places::Places;
use crate::read::Garbage;
use crate::scripts::{self, bytes, int};
use crate::shard::{AT_ONCE, Shard, fresh};
use async_trait::async_trait;
use pytheus_core::write_behind::{Batch, Client, Contents, Receipt, Store};
use pytheus_core::{BackendError, BackendErrorKind, ConfigError};
use redis::{Pipeline, Value};
use std::time::{Duration, Instant};

/// How long numbers of a live client stay before it says so itself.
const FIRST_LEASE: Duration = Duration::from_secs(60);
/// In how many shards the keys of a cluster are unless somebody says otherwise.
const SHARDS_OF_A_CLUSTER: u32 = 16;
/// More than can be configured: whoever is newer may allow more.
const MOST_SHARDS: u32 = 4096;
/// So many calls look for series that have expired, at a time.
const EXPIRIES: usize = 10;
/// How long shards that do not answer are waited for before those that were not tried yet have to wait
/// for the next time.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many calls sweep at a time.
const SWEEPS: usize = 100;

/// Numbers in a Redis server or cluster, for [`WriteBehind`](pytheus_core::write_behind).
///
/// # Examples
///
/// ```no_run
/// use pytheus_backend_redis::{RedisConfig, RedisStore};
///
/// let store = RedisStore::open("redis://localhost/", &RedisConfig::default())?;
/// # Ok::<(), pytheus_core::ConfigError>(())
/// ```
pub struct RedisStore {
    connection: Connection,
    shards: Vec<Shard>,
    /// Where series are, by their number.
    places: Places,
    lease: Duration,
    record_lifetime: Duration,
    /// Whether as many shards are used as are recorded, whoever said so.
    takes_any_shards: bool,
    /// Whether something came up by which there may be another number of them now.
    doubts_shards: bool,
    swept: Option<Instant>,
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects to the server at `location`, a URL without its query, and says into how many shards the
    /// keys are cut if nobody has.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] if the location or an option makes no sense; and
    /// [`Unavailable`](BackendErrorKind::Unavailable), [`TimedOut`](BackendErrorKind::TimedOut) or
    /// [`Denied`](BackendErrorKind::Denied) if the server cannot be used,
    /// [`Conflict`](BackendErrorKind::Conflict) if there is another number of shards or a key of another
    /// type, [`Corrupt`](BackendErrorKind::Corrupt) and [`Unsupported`](BackendErrorKind::Unsupported)
    /// if a key cannot be understood.
    pub fn open(location: &str, config: &RedisConfig) -> Result<Self, ConfigError> {
        Ok(Self::connect(config.locate(location)?, config)?)
    }

    /// Connects to servers that were located.
    pub(crate) fn connect(target: Target, config: &RedisConfig) -> Result<Self, BackendError> {
        let mut connection = Connection::open(target)?;
        let shards = agree_on_shards(&mut connection, config)?;
        Ok(Self {
            connection,
            shards: (0..shards)
                .map(|n| Shard::new(&config.key_prefix, n, shards, config.expire_series))
                .collect(),
            places: Vec::new(),
            lease: FIRST_LEASE,
            record_lifetime: config.record_lifetime,
            takes_any_shards: config.shards.is_none(),
            doubts_shards: false,
            swept: None,
        })
    }

    /// Whether somebody should look for clients that are long gone, and that is now this one.
    fn is_to_sweep_records(&mut self) -> bool {
        let is_due = self.swept.is_none_or(|at| at.elapsed() >= self.record_lifetime / 24);
        if is_due {
            self.swept = Some(Instant::now());
        }
        is_due
    }

    /// Frees what a reader found to be garbage, a bounded amount of it, and records of clients that are
    /// long gone.
    fn sweep(
        &mut self,
        shard: usize,
        mut garbage: Garbage,
        records: bool,
    ) -> Result<(), BackendError> {
        let Self { connection, shards, places, record_lifetime, .. } = self;
        let shard = &mut shards[shard];
        let mut cursor = if records { b"0".to_vec() } else { Vec::new() };
        let mut marks = Vec::new();
        let mut expiring = if shard.expiry.is_some() { EXPIRIES } else { 0 };
        for _ in 0..SWEEPS {
            let is_idle = garbage.is_empty() && cursor.is_empty() && expiring == 0;
            if shard.incarnation == 0 || is_idle {
                break;
            }
            let mut call = shard.look(&scripts::SWEEP, None);
            call.arg(&shard.incarnation.to_be_bytes());
            shard.put_known(&mut call);
            call.arg(&cursor).arg(record_lifetime.as_secs_f64()).arg(&fresh().to_be_bytes());
            call.arg(&marks);
            if expiring > 0 {
                expiring -= 1;
                if !shard.put_expiring(&mut call) {
                    expiring = 0;
                }
            }
            let before = garbage.entries.len();
            for number in garbage.entries.split_off(before.saturating_sub(AT_ONCE)) {
                let Some((cell, cells)) = shard.dictionary.get(number).map(layout::Entry::run)
                else {
                    continue;
                };
                let tag = shard.dictionary.tag(number).unwrap_or_default();
                call.arg(format!("R{number}")).arg(layout::free_entry(cell, cells, tag));
            }
            let before = garbage.notes.len();
            for field in garbage.notes.split_off(before.saturating_sub(AT_ONCE)) {
                call.arg([&b"N"[..], &field].concat()).arg("");
            }
            let before = garbage.owners.len();
            for owner in garbage.owners.split_off(before.saturating_sub(AT_ONCE)) {
                call.arg(format!("O{owner}")).arg("");
            }
            let answer = scripts::run(connection, &shard.keys, &scripts::SWEEP, call)?;
            if int(answer.first())? == 0 {
                // Something changed meanwhile; the next reader looks again.
                break;
            }
            cursor = bytes(answer.get(1))?.to_vec();
            marks = bytes(answer.get(2))?.to_vec();
            if cursor == b"0" {
                cursor.clear();
            }
            shard.sync(connection, places)?;
        }
        Ok(())
    }
}

impl Garbage {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.notes.is_empty() && self.owners.is_empty()
    }
}

/// The number of shards that is recorded, if any is that makes sense.
fn recorded_shards(connection: &mut Connection, keys: &Keys) -> Result<Option<u32>, BackendError> {
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.cmd("GETRANGE").arg(keys.cells()).arg(0).arg(127);
    let replies = scripts::plain(connection, keys, &pipeline)?;
    let head = bytes(replies.first())?;
    let recorded = header_cell(head, layout::SHARDS) as u32;
    Ok((1..=MOST_SHARDS).contains(&recorded).then_some(recorded))
}

/// The number of shards that is recorded, or is so now.
fn agree_on_shards(connection: &mut Connection, config: &RedisConfig) -> Result<u32, BackendError> {
    let keys = Keys::new(&config.key_prefix, 0);
    let default = if connection.is_cluster() { SHARDS_OF_A_CLUSTER } else { 1 };
    let recorded = recorded_shards(connection, &keys)?;
    if let Some(recorded) = recorded.filter(|n| config.shards.is_none_or(|asked| asked == *n)) {
        return Ok(recorded);
    }
    let asked = config.shards.unwrap_or(default);
    match Shard::new(&config.key_prefix, 0, asked, None).make(connection)? {
        None => Ok(asked),
        Some(Value::ServerError(e)) => match (e.code(), config.shards) {
            ("PYTHEUSSHARDS", None) => {
                let recorded = e.details().and_then(|n| n.parse().ok());
                recorded.ok_or_else(|| server_error(connection, &keys, &e))
            }
            _ => Err(server_error(connection, &keys, &e)),
        },
        Some(other) => {
            let message = format!("a script answered {other:?}");
            Err(error(BackendErrorKind::Corrupt, message))
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    const NAME: &'static str = NAME;

    fn shards(&self) -> u32 {
        self.shards.len() as u32
    }

    async fn is_outdated(&mut self) -> bool {
        if !self.takes_any_shards || !self.doubts_shards {
            return false;
        }
        let Ok(recorded) = recorded_shards(&mut self.connection, &self.shards[0].keys) else {
            return false;
        };
        self.doubts_shards = false;
        recorded.is_some_and(|recorded| recorded != self.shards())
    }

    fn shard(&self, family: &str) -> u32 {
        // FNV-1a: the same in every process, whatever its version.
        let hash = family.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        ((hash ^ hash >> 32) % self.shards.len() as u64) as u32
    }

    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
        let mut receipts = Vec::with_capacity(1);
        self.apply_all(std::slice::from_ref(batch), &mut receipts).await?;
        Ok(receipts.pop().unwrap_or_default())
    }

    async fn apply_all(
        &mut self,
        batches: &[Batch<'_>],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), BackendError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let Some(shard) = self.shards.get_mut(first.shard as usize) else {
            let message = format!("there is no shard {}", first.shard);
            return Err(error(BackendErrorKind::Other, message));
        };
        let life = shard.incarnation;
        let Self { connection, places, lease, .. } = self;
        let mut result = shard.apply_all(connection, places, *lease, batches, receipts);
        if let Err(error) = &result
            && error.kind == BackendErrorKind::Denied
        {
            // The server does not always say what it is that a script may not do.
            result = shard.name_what_is_denied(connection).and(result);
        }
        let is_conflict =
            result.as_ref().is_err_and(|error| error.kind == BackendErrorKind::Conflict);
        // Whoever made the shard anew may have made more of them, or fewer.
        self.doubts_shards |= is_conflict || life != 0 && shard.incarnation != life;
        result
    }

    async fn read_families(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        let began = Instant::now();
        let mut result = Ok(());
        for shard in &mut self.shards {
            // What the others have is worth knowing, unless it takes too long.
            result = result.and(shard.read_only_families(&mut self.connection, into));
            if result.is_err() && began.elapsed() > PATIENCE {
                break;
            }
        }
        result
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        let records = self.is_to_sweep_records();
        for at in 0..self.shards.len() {
            let garbage = self.shards[at].read(&mut self.connection, &mut self.places, into)?;
            // Whoever may read need not be allowed to write.
            let _ = self.sweep(at, garbage, records);
        }
        Ok(())
    }

    async fn refresh(&mut self, client: &Client, lease: Duration) -> Result<bool, BackendError> {
        self.lease = lease;
        let mut all = true;
        let mut failure = None;
        let mut order: Vec<usize> = (0..self.shards.len()).collect();
        // Those that failed last time come last, so that they keep the lease of nothing else waiting.
        order.sort_by_key(|at| self.shards[*at].is_away);
        let mut waited = Duration::ZERO;
        for at in order {
            if waited > PATIENCE {
                break;
            }
            let began = Instant::now();
            let Self { shards, connection, places, .. } = self;
            let mut refreshed = shards[at].refresh(connection, client.id, lease);
            // Questions do not show what others removed, and this client may do nothing else.
            if shards[at].incarnation != 0 && matches!(refreshed, Ok(true)) {
                refreshed = shards[at].sync(connection, places).map(|()| true);
            }
            shards[at].is_away = refreshed.is_err();
            match refreshed {
                Ok(is_there) => all &= is_there,
                Err(error) => {
                    waited += began.elapsed();
                    failure.get_or_insert(error);
                }
            }
        }
        if let Some(error) = failure {
            // What is missing elsewhere is told again at once.
            return if all { Err(error) } else { Ok(false) };
        }
        let records = self.is_to_sweep_records();
        if records || self.shards.iter().any(|shard| shard.expiry.is_some()) {
            for at in 0..self.shards.len() {
                // It is not this client's own, so it does not matter whether it works.
                let _ = self.sweep(at, Garbage::default(), records);
            }
        }
        Ok(all)
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        for shard in &mut self.shards {
            shard.forget(&mut self.connection, client.id)?;
        }
        Ok(())
    }
}
