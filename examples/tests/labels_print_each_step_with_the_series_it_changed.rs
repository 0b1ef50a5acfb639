//! Every step of `labels` is followed by the line it added or changed.

mod program;

use program::{Outcome, printed_by};

#[test]
fn labels_prints_each_step_with_the_series_it_changed() -> Outcome {
    let printed = printed_by(env!("CARGO_BIN_EXE_labels"))?;
    let steps = [
        // A default, and the same given explicitly: one series.
        (
            r#"orders.labels([("country", "fr")])?.resolve()?.inc()"#,
            r#"orders_total{channel="web",country="fr"} 1"#,
        ),
        (
            r#"orders.labels([("channel", "web"), ("country", "fr")])?.resolve()?.inc()"#,
            r#"orders_total{channel="web",country="fr"} 2"#,
        ),
        ("visits is registered", r#"visits_total{site="main"} 0"#),
        // Partial labels, in either order: one series.
        (r#"orders.labels([("country", "de")])?"#, "(no series made, none changed)"),
        (
            r#"germany.labels([("channel", "app")])?.resolve()?.inc_by(3)"#,
            r#"orders_total{channel="app",country="de"} 3"#,
        ),
        (
            r#"app.labels([("country", "de")])?.resolve()?.inc()"#,
            r#"orders_total{channel="app",country="de"} 4"#,
        ),
        ("app.resolve()", r#"error: "orders_total" still needs a value for ["country"]"#),
        // Typed labels.
        (
            "paid.with(&transfer).inc()",
            r#"payments_total{payment="bank_transfer",country="de",type="refund"} 1"#,
        ),
    ];
    for (code, line) in steps {
        assert!(printed.contains(&format!("\n{code}\n    {line}\n")), "{code}: {line}\n{printed}");
    }
    Ok(())
}
