//! A strict reader of the text format 0.0.4: it refuses what any reader may refuse.

use std::collections::HashSet;

#[derive(Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    /// As it stands on the page.
    pub(crate) value: String,
}

/// The families of a page, or the first thing that is wrong with it.
pub(crate) fn parse(page: &str) -> Result<Vec<Family>, String> {
    if !page.is_empty() && !page.ends_with('\n') {
        return Err("the last line is not ended".into());
    }
    let mut families: Vec<Family> = Vec::new();
    let mut series = HashSet::new();
    for line in page.split_terminator('\n') {
        add_line(&mut families, &mut series, line)
            .map_err(|why| format!("{why} in line {line:?}"))?;
    }
    match families.iter().find(|family| family.kind.is_empty()) {
        Some(family) => Err(format!("{} has no type", family.name)),
        None => Ok(families),
    }
}

fn add_line(
    families: &mut Vec<Family>,
    series: &mut HashSet<String>,
    line: &str,
) -> Result<(), &'static str> {
    if let Some(rest) = line.strip_prefix("# HELP ") {
        let (name, help) = rest.split_once(' ').ok_or("no text")?;
        if !is_name(name, true) {
            return Err("bad metric name");
        }
        if families.iter().any(|family| family.name == name) {
            return Err("second help for a name");
        }
        let help = unescape(help, false)?;
        families.push(Family { name: name.into(), help, kind: String::new(), samples: Vec::new() });
        return Ok(());
    }
    if let Some(rest) = line.strip_prefix("# TYPE ") {
        let family = families.last_mut().ok_or("type before help")?;
        let (name, kind) = rest.split_once(' ').ok_or("no type")?;
        if name != family.name || !family.kind.is_empty() {
            return Err("type apart from its help");
        }
        if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
            return Err("unknown type");
        }
        family.kind = kind.into();
        return Ok(());
    }
    if line.starts_with('#') {
        return Ok(());
    }
    let sample = parse_sample(line)?;
    let family = families.last_mut().ok_or("sample before its family")?;
    if !belongs(&sample, family) {
        return Err("sample of another family");
    }
    let mut labels = sample.labels.clone();
    labels.sort();
    if !series.insert(format!("{}{labels:?}", sample.name)) {
        return Err("series stands twice");
    }
    family.samples.push(sample);
    Ok(())
}

fn belongs(sample: &Sample, family: &Family) -> bool {
    let Some(suffix) = sample.name.strip_prefix(&family.name) else { return false };
    let bound = sample.labels.last().is_some_and(|(name, _)| name == "le");
    match family.kind.as_str() {
        "histogram" => matches!((suffix, bound), ("_bucket", true) | ("_sum" | "_count", false)),
        "summary" => matches!(suffix, "_sum" | "_count"),
        _ => suffix.is_empty(),
    }
}

fn parse_sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err("bad metric name");
    }
    let mut labels: Vec<(String, String)> = Vec::new();
    if let Some(pairs) = rest.strip_prefix('{') {
        rest = pairs;
        loop {
            let (name, quoted) = rest.split_once("=\"").ok_or("no label value")?;
            if !is_name(name, false) || name.starts_with("__") {
                return Err("bad label name");
            }
            if labels.iter().any(|(earlier, _)| earlier == name) {
                return Err("label stands twice");
            }
            let close = closing_quote(quoted).ok_or("open label value")?;
            labels.push((name.into(), unescape(&quoted[..close], true)?));
            rest = &quoted[close + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').ok_or("open braces")?;
    }
    let value = rest.strip_prefix(' ').ok_or("no value")?;
    let plain = value.bytes().all(|b| b.is_ascii_digit() || b"+-.e".contains(&b));
    if !(["NaN", "+Inf", "-Inf"].contains(&value) || (plain && value.parse::<f64>().is_ok())) {
        return Err("bad value");
    }
    Ok(Sample { name: name.into(), labels, value: value.into() })
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str, quotes: bool) -> Result<String, &'static str> {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match chars.next() {
            Some('\\') => '\\',
            Some('n') => '\n',
            Some('"') if quotes => '"',
            _ => return Err("bad escape"),
        });
    }
    Ok(plain)
}

fn is_name(name: &str, colons: bool) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || (colons && b == b':'))
}
