//! Commands that are sent in one go, and which answer belongs to which.

use super::link::Link;
use pytheus_core::BackendError;
use redis::{Pipeline, Value};

/// Sends those commands of `pipeline` whose numbers are in `which`. One answer for each, in order,
/// whatever became of the others. A transaction goes as a whole.
///
/// With `asking`, the server takes them though their slot is only on its way to it.
pub(super) fn exchange(
    link: Link,
    pipeline: &Pipeline,
    which: &[usize],
    asking: bool,
) -> Result<(Link, Vec<Value>), BackendError> {
    if pipeline.is_transaction() {
        return exchange_transaction(link, pipeline, asking);
    }
    let ask = if asking { redis::cmd("ASKING").get_packed_command() } else { Vec::new() };
    let mut request = Vec::new();
    let mut next = which.iter().copied().peekable();
    for (number, command) in pipeline.cmd_iter().enumerate() {
        if next.next_if_eq(&number).is_some() {
            request.extend_from_slice(&ask);
            request.extend(command.get_packed_command());
        }
    }
    let each = if asking { 2 } else { 1 };
    let (link, answers) = link.exchange(&request, which.len() * each)?;
    Ok((link, answers.into_iter().skip(each - 1).step_by(each).collect()))
}

/// `MULTI`, the commands and `EXEC` are answered one by one; the answers that count are in the last.
fn exchange_transaction(
    link: Link,
    pipeline: &Pipeline,
    asking: bool,
) -> Result<(Link, Vec<Value>), BackendError> {
    let mut request = Vec::new();
    if asking {
        request = redis::cmd("ASKING").get_packed_command();
    }
    request.extend(pipeline.get_packed_pipeline());
    let before = 1 + usize::from(asking);
    let (link, mut answers) = link.exchange(&request, before + pipeline.len() + 1)?;
    let last = answers.pop().unwrap_or(Value::Nil);
    match last {
        Value::Array(done) if done.len() == pipeline.len() => Ok((link, done)),
        // Nothing was done. A command that was refused has its own reason.
        refused => {
            let queued = answers.into_iter().skip(before);
            let reasons = queued.map(|answer| match answer {
                Value::ServerError(_) => answer,
                _ => refused.clone(),
            });
            Ok((link, reasons.collect()))
        }
    }
}
