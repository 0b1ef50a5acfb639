//! A case that was renamed would vanish from the picture without a word.

use pytheus_benchmarks::groups;

/// A panel of the chart: group, case, figure, threads.
type Panel = (String, String, Option<String>, usize);

/// The lines of the list `PANELS`, which are literals of both languages but for `None`.
fn panels() -> Vec<Panel> {
    let chart = include_str!("../chart.py");
    let (_, rest) = chart.split_once("\nPANELS = [\n").expect("there is a list of panels");
    let (list, _) = rest.split_once("\n]\n").expect("the list has an end");
    list.lines().map(|line| panel(line).unwrap_or_else(|| panic!("not a panel: {line}"))).collect()
}

fn panel(line: &str) -> Option<Panel> {
    let line = line.trim().strip_prefix('(')?.strip_suffix("),")?;
    let mut fields = line.splitn(5, ", ");
    let mut name = || fields.next().map(|field| field.trim_matches('"').to_owned());
    let (group, case, figure, threads) = (name()?, name()?, name()?, name()?);
    Some((group, case, Some(figure).filter(|figure| figure != "None"), threads.parse().ok()?))
}

/// What a run of everything measures.
fn measured() -> Vec<Panel> {
    let mut all = Vec::new();
    for group in groups::ALL {
        for case in (group.cases)() {
            let mut figures: Vec<_> =
                case.figure_names().map(|name| Some(name.to_owned())).collect();
            if figures.is_empty() {
                figures.push(None);
            }
            for &threads in case.thread_counts() {
                all.extend(figures.iter().map(|figure| {
                    (group.name.to_owned(), case.name().to_owned(), figure.clone(), threads)
                }));
            }
        }
    }
    all
}

#[test]
fn every_panel_is_measured() {
    let (panels, measured) = (panels(), measured());
    assert!(panels.len() > 1, "{panels:?}");
    for panel in panels {
        assert!(measured.contains(&panel), "{panel:?} is in chart.py, and measured nowhere");
    }
}
