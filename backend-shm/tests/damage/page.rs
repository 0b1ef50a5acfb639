//! Whether a text is a page that a scraper takes.

use std::collections::HashSet;

/// The first thing that is wrong with a page. Two samples may be alike: where a byte of a label is
/// damaged, nothing tells which is which.
pub(crate) fn check(page: &str) -> Result<(), String> {
    let mut families = HashSet::new();
    let mut current = "";
    if !page.is_empty() && !page.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    for line in page.split_terminator('\n') {
        let wrong = |what: &str| Err(format!("{what}: {line:?}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let Some((name, help)) = rest.split_once(' ') else { return wrong("no help") };
            if !is_name(name, true) || !families.insert(name) {
                return wrong("a name that is none, or stands twice");
            }
            if !is_escaped(help, false) {
                return wrong("a help text that is not escaped");
            }
            current = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let kinds = ["counter", "gauge", "histogram", "summary", "untyped"];
            match rest.split_once(' ') {
                Some((name, kind)) if name == current && kinds.contains(&kind) => {}
                _ => return wrong("a type apart from its help"),
            }
        } else if !line.starts_with("# left out ")
            && let Err(what) = check_sample(line, current)
        {
            return wrong(what);
        }
    }
    Ok(())
}

fn check_sample(line: &str, family: &str) -> Result<(), &'static str> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    let suffix = name.strip_prefix(family).ok_or("a sample of another family")?;
    if family.is_empty() || !["", "_bucket", "_sum", "_count"].contains(&suffix) {
        return Err("a sample of no family");
    }
    let mut names = HashSet::new();
    if let Some(pairs) = rest.strip_prefix('{') {
        rest = pairs;
        loop {
            let (label, quoted) = rest.split_once("=\"").ok_or("no label value")?;
            if !is_name(label, false) || label.starts_with("__") || !names.insert(label) {
                return Err("a label that is none, or stands twice");
            }
            let close = closing_quote(quoted).ok_or("a label value without end")?;
            if !is_escaped(&quoted[..close], true) {
                return Err("a label value that is not escaped");
            }
            rest = &quoted[close + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').ok_or("braces without end")?;
    }
    let value = rest.strip_prefix(' ').ok_or("no value")?;
    let plain = value.bytes().all(|b| b.is_ascii_digit() || b"+-.e".contains(&b));
    let is_number = plain && value.parse::<f64>().is_ok();
    if is_number || ["NaN", "+Inf", "-Inf"].contains(&value) { Ok(()) } else { Err("no number") }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn is_escaped(text: &str, quotes: bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            continue;
        }
        match bytes.next() {
            Some(b'\\' | b'n') => {}
            Some(b'"') if quotes => {}
            _ => return false,
        }
    }
    true
}

fn is_name(name: &str, colons: bool) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || (colons && b == b':'))
}
