//! The list of behaviours, and the macro that makes tests of it.

/// Makes a test of every behaviour of the [conformance](mod@crate::conformance) kit, for one backend.
///
/// Takes a closure that opens a new, empty backend at every call; or, where the backend is unlike
/// others, `open: closure, traits: […]` with the [`Traits`](crate::conformance::Traits) that say how.
/// Expands to a module named `conformance`, so one call fits into a module. What does not apply is an
/// ignored test, and its reason is shown.
///
/// See the [module](mod@crate::conformance) for complete examples.
#[macro_export]
macro_rules! conformance {
    (open: $open:expr $(, traits: [$($trait:ident),* $(,)?])? $(,)?) => {
        mod conformance {
            #[allow(unused_imports, clippy::wildcard_imports, reason = "what the caller imported")]
            use super::*;

            fn subject() -> $crate::conformance::Subject {
                static POOL: $crate::conformance::Pool = $crate::conformance::Pool::new();

                let traits = $crate::conformance::Traits::new()$($(.$trait())*)?;
                $crate::conformance::Subject::new($open).traits(traits).pool(&POOL)
            }

            $crate::__conformance_behaviours! { __conformance_tests [$($($trait)*)?] }
        }
    };
    ($open:expr $(,)?) => {
        $crate::conformance! { open: $open }
    };
}

/// Calls a macro with every behaviour by module. `reading` is what compares values, `idle` what waits
/// for series to expire and compares values, `any` what does neither.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_behaviours {
    ($then:ident $given:tt) => {
        $crate::$then! { $given labels
            reading a_default_given_explicitly_is_the_same_series,
            reading each_default_stands_in_for_its_own_label,
            reading a_family_whose_defaults_cover_all_labels_is_shown_from_the_start,
            reading views_narrowed_in_any_order_lead_to_one_series,
            reading however_a_series_is_asked_for_it_is_the_same,
            any an_incomplete_view_names_what_is_missing_and_makes_nothing,
            any mistakes_in_labels_are_errors_that_list_what_is_declared,
            reading values_cannot_forge_separators,
            any every_value_comes_back_as_it_was_given,
            reading the_first_who_registers_decides_the_order_of_labels,
            reading a_series_is_shown_from_its_look_up_on,
            reading open_label_sets_know_no_order,
            any names_in_open_label_sets_are_checked,
            reading ten_thousand_series_are_kept_apart,
        }
        $crate::$then! { $given values
            reading counters_add_whole_amounts_exactly,
            reading counters_add_fractions,
            reading a_counter_never_falls_however_large_it_gets,
            reading a_refused_amount_changes_nothing,
            any what_counters_refuse_is_told_by_family,
            reading gauges_take_any_float,
            reading up_down_counters_come_back_down,
            reading buckets_are_inclusive,
            reading values_that_are_not_finite_have_a_bucket,
            reading native_histograms_choose_their_buckets,
            reading summaries_are_count_and_sum,
            reading states_are_on_or_off,
            reading state_sets_may_be_large,
            any infos_carry_labels,
            reading gauges_of_every_mode_show_the_value_of_one_process,
            reading handles_read_what_is_shown,
            reading updates_for_signal_handlers_count_as_well,
            reading every_kind_is_read_by_its_exported_name,
        }
        $crate::$then! { $given threads
            reading totals_are_exact_however_many_threads_update,
            reading threads_that_end_leave_what_they_counted,
            reading a_series_asked_for_by_many_threads_at_once_is_one,
            reading a_family_registered_by_many_threads_at_once_is_one,
            reading sum_and_count_belong_together_in_every_scrape,
            reading totals_never_fall_from_one_scrape_to_the_next,
            reading a_cap_holds_however_many_threads_ask_at_once,
            reading series_removed_and_made_again_never_mix,
        }
        $crate::$then! { $given removal
            reading a_removed_series_is_gone_and_comes_back_at_zero,
            reading a_held_handle_of_a_removed_series_never_shows_up_in_another,
            reading views_and_predicates_remove_what_they_cover,
            reading a_predicate_can_use_the_family_it_looks_at,
            reading an_unregistered_family_is_gone_and_comes_back_at_zero,
            reading the_name_of_an_unregistered_family_is_free,
            reading series_can_be_made_and_removed_for_ever,
        }
        $crate::$then! { $given room
            reading series_past_the_cap_count_in_the_overflow_series,
            reading every_kind_has_an_overflow_series,
            any look_ups_that_found_no_room_are_told_by_family,
            reading a_removed_series_makes_room_under_the_cap,
            reading a_family_registered_again_has_room_again,
            reading labels_too_long_to_keep_count_in_the_overflow_series,
            any a_registration_that_fails_registers_nothing,
        }
        $crate::$then! { $given expiry
            idle a_series_nobody_uses_expires,
            idle a_series_somebody_holds_never_expires,
            idle a_look_up_begins_the_time_anew,
            idle idle_series_make_room_in_a_full_family,
        }
        $crate::$then! { $given scrapes
            any an_untouched_backend_shows_nothing,
            any families_come_in_name_order,
            reading series_keep_their_order,
            any a_visit_can_be_stopped_and_made_again,
            reading series_tell_when_they_were_created,
            any families_are_described_as_they_were_registered,
        }
        $crate::$then! { $given registries
            reading prefix_and_constant_labels_are_part_of_every_family,
            reading a_constant_label_is_a_label_like_any_other,
            reading registries_with_different_prefixes_never_share_a_value,
            reading two_registries_on_one_backend_have_the_same_families,
            reading backends_opened_apart_share_nothing,
            reading a_backend_takes_nothing_over_from_one_that_is_gone,
            reading registering_the_same_again_gives_the_same_family,
            reading registering_something_else_is_an_error_that_names_both,
            any collectors_are_merged_in_name_order,
            any what_collectors_show_wrongly_is_left_out,
        }
        $crate::$then! { $given lifecycle
            reading what_was_counted_before_a_flush_is_shown_after_it,
            any collect_flush_and_close_need_no_runtime,
            any a_closed_backend_stays_safe_to_use,
            reading handles_outlive_their_registry,
            any a_backend_is_named_by_a_scheme,
            any a_shared_memory_is_declared,
        }
    };
}

/// A module of tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($traits:tt $module:ident $($needs:ident $behaviour:ident,)*) => {
        mod $module {
            $($crate::__conformance_test! { $traits $needs $module $behaviour })*
        }
    };
}

/// One test; ignored, with the reason, if one of the traits rules it out.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_test {
    ([] $needs:ident $module:ident $behaviour:ident) => {
        #[test]
        fn $behaviour() {
            $crate::conformance::$module::$behaviour(&super::subject());
        }
    };
    ([write_only $($rest:ident)*] reading $module:ident $behaviour:ident) => {
        #[test]
        #[ignore = "does not apply: the cells of this backend are write-only"]
        fn $behaviour() {}
    };
    ([write_only $($rest:ident)*] idle $module:ident $behaviour:ident) => {
        $crate::__conformance_test! { [write_only] reading $module $behaviour }
    };
    ([keeps_idle $($rest:ident)*] idle $module:ident $behaviour:ident) => {
        #[test]
        #[ignore = "does not apply: others may still use what one process does not"]
        fn $behaviour() {}
    };
    ([$other:ident $($rest:ident)*] $needs:ident $module:ident $behaviour:ident) => {
        $crate::__conformance_test! { [$($rest)*] $needs $module $behaviour }
    };
}

#[cfg(test)]
mod tests {
    /// Names by module, as the list has them.
    #[doc(hidden)]
    #[macro_export]
    macro_rules! __conformance_names {
        ($names:tt $module:ident $($needs:ident $behaviour:ident,)*) => {
            $names.extend([(stringify!($module), vec![$(stringify!($behaviour)),*])]);
        };
    }

    fn listed() -> Vec<(&'static str, Vec<&'static str>)> {
        let mut names = Vec::new();
        crate::__conformance_behaviours! { __conformance_names names }
        names
    }

    #[test]
    fn every_behaviour_is_on_the_list() {
        let sources = [
            ("labels", include_str!("labels.rs")),
            ("values", include_str!("values.rs")),
            ("threads", include_str!("threads.rs")),
            ("removal", include_str!("removal.rs")),
            ("room", include_str!("room.rs")),
            ("expiry", include_str!("expiry.rs")),
            ("scrapes", include_str!("scrapes.rs")),
            ("registries", include_str!("registries.rs")),
            ("lifecycle", include_str!("lifecycle.rs")),
        ];
        let written: Vec<(&str, Vec<&str>)> = sources
            .map(|(module, source)| {
                let functions = source.lines().filter_map(|line| line.strip_prefix("pub fn "));
                (module, functions.filter_map(|rest| rest.split('(').next()).collect())
            })
            .to_vec();
        assert_eq!(listed(), written);
    }
}
