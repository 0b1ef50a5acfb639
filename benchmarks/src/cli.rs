//! The command line.

use crate::{Group, PEERS, Settings, groups};

/// What is to be run, and how the outcome is to be shown.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::cli::Command;
///
/// let command = Command::parse(["update", "--only", "floor,measured", "--json"])?;
/// assert_eq!(command.settings.only, ["floor", "measured"]);
/// assert!(command.json);
/// # Ok::<(), pytheus_benchmarks::cli::UsageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Command {
    /// The group, or all of them.
    pub groups: Vec<Group>,
    /// Names of cases; empty for all of the groups.
    pub cases: Vec<String>,
    /// How long and with whom.
    pub settings: Settings,
    /// One JSON document at the end instead of tables on the way.
    pub json: bool,
}

/// The command line makes no sense.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::cli::{Command, UsageError};
///
/// let error = Command::parse(["updates"]).unwrap_err();
/// assert!(matches!(error, UsageError::Group { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// No group was named.
    #[error("no group was named")]
    NoGroup,
    /// There is no such group.
    #[error("there is no group {name:?}")]
    Group {
        /// As it was named.
        name: String,
    },
    /// A second group was named.
    #[error("one group at a time: {name:?} is one too many")]
    SecondGroup {
        /// As it was named.
        name: String,
    },
    /// The group has no such case.
    #[error("there is no case {name:?} in this group; there are {known:?}")]
    Case {
        /// As it was named.
        name: String,
        /// Those there are.
        known: Vec<&'static str>,
    },
    /// There is no such library.
    #[error("nobody is called {name:?}; there are {PEERS:?}")]
    Peer {
        /// As it was named.
        name: String,
    },
    /// There is no such option.
    #[error("there is no option {name:?}")]
    Option {
        /// As it was written.
        name: String,
    },
    /// An option came without its value.
    #[error("{option} needs a value")]
    NoValue {
        /// The option.
        option: &'static str,
    },
    /// An option's value cannot be used.
    #[error("{option} cannot be {value:?}: {allowed}")]
    Value {
        /// The option.
        option: &'static str,
        /// As it was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// Stands for all groups, one after the other.
const EVERY_GROUP: &str = "all";

/// A median of fewer is an anecdote.
const LEAST_ROUNDS: usize = 7;

impl Command {
    /// Understands the arguments that follow the program's name.
    ///
    /// # Errors
    ///
    /// [`UsageError`] at the first argument that makes no sense.
    pub fn parse<A: Into<String>>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, UsageError> {
        let mut arguments = arguments.into_iter().map(Into::into);
        let (mut groups, mut cases, mut settings, mut json) =
            (None, Vec::new(), Settings::default(), false);
        let (mut rounds, mut series) = (None, None);
        while let Some(argument) = arguments.next() {
            let mut value = |option| arguments.next().ok_or(UsageError::NoValue { option });
            match argument.as_str() {
                "--json" => json = true,
                "--quick" => {
                    let quick = Settings::quick();
                    (settings.rounds, settings.block) = (quick.rounds, quick.block);
                    settings.series = quick.series;
                }
                "--rounds" => rounds = Some(parse_rounds(value("--rounds")?)?),
                "--series" => series = Some(parse_series(value("--series")?)?),
                "--only" => settings.only = list(&value("--only")?),
                "--case" => cases = list(&value("--case")?),
                "--cores" => settings.cores = Some(parse_cores(&value("--cores")?)?),
                option if option.starts_with('-') => {
                    return Err(UsageError::Option { name: argument });
                }
                _ if groups.is_some() => return Err(UsageError::SecondGroup { name: argument }),
                _ => groups = Some(find_groups(argument)?),
            }
        }
        settings.rounds = rounds.unwrap_or(settings.rounds);
        settings.series = series.unwrap_or(settings.series);
        let groups = groups.ok_or(UsageError::NoGroup)?;
        check_peers(&settings.only)?;
        check_cases(&groups, &cases)?;
        Ok(Self { groups, cases, settings, json })
    }
}

/// How to call the program, and the groups there are.
pub fn usage() -> String {
    let mut usage = String::from(USAGE);
    for group in groups::ALL {
        usage.push_str(&format!("  {:<11} {}\n", group.name, group.about));
        for case in (group.cases)() {
            usage.push_str(&format!("    {:<18} {}\n", case.name(), case.about));
        }
    }
    usage
}

const USAGE: &str = "\
usage: cargo run --release --manifest-path benchmarks/Cargo.toml -- GROUP [options]

  --only A,B     only these take part
  --case A,B     only these cases
  --rounds N     turns of every subject, at least 7 (11)
  --quick        7 rounds of the shortest blocks, with few series
  --series N     no more series at once than these (as many as a case wants)
  --cores 0,2    run on these cores, the first thread on the first (all, in order)
  --json         one JSON document at the end instead of tables

groups (or \"all\") and their cases:
";

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn parse_rounds(value: String) -> Result<usize, UsageError> {
    let allowed = "a whole number, at least 7";
    match value.parse() {
        Ok(rounds) if rounds >= LEAST_ROUNDS => Ok(rounds),
        _ => Err(UsageError::Value { option: "--rounds", value, allowed }),
    }
}

fn parse_series(value: String) -> Result<usize, UsageError> {
    let allowed = "a whole number, at least 1";
    match value.parse() {
        Ok(series) if series > 0 => Ok(series),
        _ => Err(UsageError::Value { option: "--series", value, allowed }),
    }
}

fn parse_cores(value: &str) -> Result<Vec<usize>, UsageError> {
    let cores: Result<Vec<usize>, _> = list(value).iter().map(|core| core.parse()).collect();
    let distinct = |cores: &[usize]| {
        let mut sorted = cores.to_vec();
        sorted.sort_unstable();
        sorted.windows(2).all(|pair| pair[0] != pair[1])
    };
    match cores {
        Ok(cores) if !cores.is_empty() && distinct(&cores) => Ok(cores),
        _ => Err(UsageError::Value {
            option: "--cores",
            value: value.to_owned(),
            allowed: "numbers of different cores with commas between",
        }),
    }
}

fn find_groups(name: String) -> Result<Vec<Group>, UsageError> {
    if name == EVERY_GROUP {
        return Ok(groups::ALL.to_vec());
    }
    let group = groups::ALL.iter().find(|group| group.name == name);
    group.map(|group| vec![*group]).ok_or(UsageError::Group { name })
}

fn check_peers(only: &[String]) -> Result<(), UsageError> {
    match only.iter().find(|name| !PEERS.contains(&name.as_str())) {
        Some(name) => Err(UsageError::Peer { name: name.clone() }),
        None => Ok(()),
    }
}

fn check_cases(groups: &[Group], cases: &[String]) -> Result<(), UsageError> {
    let known = groups.iter().flat_map(|group| (group.cases)());
    let known: Vec<_> = known.map(|case| case.name()).collect();
    match cases.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(UsageError::Case { name: name.clone(), known }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(arguments: &[&str]) -> UsageError {
        Command::parse(arguments.iter().copied()).unwrap_err()
    }

    #[test]
    fn without_a_group_nothing_is_run() {
        assert_eq!(error(&[]), UsageError::NoGroup);
        assert_eq!(error(&["--json"]), UsageError::NoGroup);
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let message = error(&["update", "--only", "promethus"]).to_string();
        assert!(message.contains("\"promethus\"") && message.contains("\"prometheus\""));
        let message = error(&["update", "--case", "counter"]).to_string();
        assert!(message.contains("\"counter_inc\""));
    }

    #[test]
    fn all_is_every_group() -> Result<(), UsageError> {
        let names = |groups: &[Group]| groups.iter().map(|group| group.name).collect::<Vec<_>>();
        assert_eq!(names(&Command::parse(["all"])?.groups), names(groups::ALL));
        assert!(groups::ALL.iter().all(|group| group.name != EVERY_GROUP));
        Ok(())
    }

    #[test]
    fn quick_is_seven_rounds_unless_more_are_asked_for() -> Result<(), UsageError> {
        assert_eq!(Command::parse(["update", "--quick"])?.settings.rounds, 7);
        let both = Command::parse(["update", "--rounds", "21", "--quick"])?;
        assert_eq!(both.settings.rounds, 21);
        Ok(())
    }

    #[test]
    fn fewer_than_seven_rounds_are_refused() {
        let expected = "--rounds cannot be \"6\": a whole number, at least 7";
        assert_eq!(error(&["update", "--rounds", "6"]).to_string(), expected);
        assert_eq!(error(&["update", "--rounds"]), UsageError::NoValue { option: "--rounds" });
    }

    #[test]
    fn the_number_of_series_can_be_given_beside_quick() -> Result<(), UsageError> {
        let quick = Settings::quick().series;
        assert_eq!(Command::parse(["create", "--quick"])?.settings.series, quick);
        let many = Command::parse(["create", "--series", "50000", "--quick"])?;
        assert_eq!(many.settings.series, 50_000);
        assert!(matches!(error(&["create", "--series", "0"]), UsageError::Value { .. }));
        Ok(())
    }

    #[test]
    fn cores_are_different_numbers() -> Result<(), UsageError> {
        assert_eq!(Command::parse(["update", "--cores", "1,0"])?.settings.cores, Some(vec![1, 0]));
        for wrong in ["", "a", "1,1"] {
            assert!(matches!(error(&["update", "--cores", wrong]), UsageError::Value { .. }));
        }
        Ok(())
    }

    #[test]
    fn the_usage_names_every_group_and_case() {
        let usage = usage();
        for group in groups::ALL {
            assert!(usage.contains(group.name));
            assert!((group.cases)().iter().all(|case| usage.contains(case.name())));
        }
    }
}
