//! A family as it is told to a store: what all must agree on, and what they need not.

use crate::engine::{decode_identity, encode_identity};
use crate::visit::{FamilyDesc, Identity};

/// What all who use the family must agree on, the same bytes in every process that does.
pub(super) fn identity(desc: &FamilyDesc) -> Vec<u8> {
    let mut identity = desc.identity.clone();
    // As a set: the order is the first registrant's.
    if let Some(names) = &mut identity.label_names {
        names.sort_unstable();
    }
    encode_identity(&identity)
}

/// The order of the label names, and the help text.
pub(super) fn details(desc: &FamilyDesc, order: &[String]) -> Vec<u8> {
    let names =
        Identity { label_names: Some(order.to_vec()), ..Identity::new("", desc.identity.kind) };
    let order = encode_identity(&names);
    let mut bytes = (order.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&order);
    bytes.extend_from_slice(desc.help.as_bytes());
    bytes
}

/// The family that was described so; `None` if it makes no sense.
pub(super) fn read(name: &str, identity: &[u8], details: &[u8]) -> Option<FamilyDesc> {
    let mut identity = decode_identity(name.to_owned(), identity)?;
    let (length, rest) = details.split_first_chunk()?;
    let (order, help) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let order = decode_identity(String::new(), order)?.label_names?;
    if let Some(names) = &mut identity.label_names {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted == *names {
            *names = order;
        }
    }
    Some(FamilyDesc::new(identity, String::from_utf8(help.to_vec()).ok()?))
}

/// A family or a series of it as people write it, from its labels as all processes write them.
pub(super) fn display(identity: &Identity, labels: Option<&str>) -> String {
    let name = &identity.name;
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { return name.clone() };
    let Some(names) = &identity.label_names else { return format!("{name}{{{labels}}}") };
    let mut names = names.clone();
    names.sort_unstable();
    let pairs = names.iter().zip(labels.lines()).map(|(name, value)| format!("{name}=\"{value}\""));
    format!("{name}{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

/// What all who use the family agree on, with its label names sorted.
pub(super) fn read_identity(name: &str, identity: &[u8]) -> Option<Identity> {
    decode_identity(name.to_owned(), identity)
}

/// Which of the values, in the order of `names`, comes when they are in the order of the sorted names;
/// `None` if they are.
pub(super) fn sorting(names: &[String]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_unstable_by(|a, b| names[*a].cmp(&names[*b]));
    (!order.is_sorted()).then_some(order)
}

/// The key of a series with its values in another order: line `order[n]` comes `n`th.
pub(super) fn reorder(key: &str, order: &[usize], to: &mut String) {
    let lines: Vec<&str> = key.split_inclusive('\n').collect();
    order.iter().filter_map(|place| lines.get(*place)).for_each(|line| to.push_str(line));
}

/// What undoes such an order.
pub(super) fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(to, from)| inverse[*from] = to);
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn family(names: &[&str]) -> FamilyDesc {
        FamilyDesc::new(Identity::new("c", Kind::Counter).label_names(names.to_vec()), "help")
    }

    #[test]
    fn a_family_comes_back_as_it_was_described_whatever_the_order_of_its_labels() {
        let (one, other) = (family(&["b", "a"]), family(&["a", "b"]));
        assert_eq!(identity(&one), identity(&other));
        let order = one.identity.label_names.clone().expect("declared");
        assert_eq!(read("c", &identity(&other), &details(&other, &order)), Some(one));
    }

    #[test]
    fn bytes_of_no_meaning_are_no_family() {
        let desc = family(&["a"]);
        let (identity, details) = (identity(&desc), details(&desc, &["a".into()]));
        assert_eq!(read("c", &identity[1..], &details), None);
        for cut in 0..details.len() - 4 {
            assert_eq!(read("c", &identity, &details[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn values_are_sorted_and_sorted_back() {
        let names = ["c", "a", "b"].map(String::from);
        let order = sorting(&names).expect("they are not sorted");
        let (mut sorted, mut back) = (String::new(), String::new());
        reorder("3\n1\n2\n", &order, &mut sorted);
        assert_eq!(sorted, "1\n2\n3\n");
        reorder(&sorted, &inverse(&order), &mut back);
        assert_eq!(back, "3\n1\n2\n");
        assert_eq!(sorting(&["a", "b"].map(String::from)), None);
    }
}
