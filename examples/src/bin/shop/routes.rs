//! What the shop answers, and what is measured of every request.

use crate::cart::{Cart, MOST_OF_ONE};
use crate::catalogue::{COUNTRIES, PRODUCTS, product};
use crate::metrics::{Answered, Method};
use crate::store::{CheckoutError, Store};
use axum::Router;
use axum::extract::{MatchedPath, Path, Query, Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, StatusCode};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// In every answer: the process that gave it.
pub(crate) const WORKER: HeaderName = HeaderName::from_static("shop-worker");

/// The route of a request that fits none. A path of the client's choice must not become a label.
const NO_ROUTE: &str = "none";

/// The shop with `/metrics` beside it, which is not measured itself.
pub(crate) fn router(store: Arc<Store>) -> Router {
    let metrics = pytheus::exposition::router(store.registry.clone());
    Router::new()
        .route("/", get(window))
        .route("/products/{id}", get(show_product))
        .route("/cart", get(show_cart).post(put_in_cart))
        .route("/checkout", post(checkout))
        .route("/orders", get(show_orders))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here\n") })
        .layer(from_fn_with_state(store.clone(), measured))
        .with_state(store)
        .merge(metrics)
        .layer(map_response(signed))
}

/// The answer with its worker.
async fn signed(answer: Response) -> impl IntoResponse {
    ([(WORKER, HeaderValue::from(std::process::id()))], answer)
}

async fn measured(State(store): State<Arc<Store>>, request: Request, next: Next) -> Response {
    let _in_flight = store.metrics.in_flight();
    let method = match *request.method() {
        HttpMethod::GET => Method::Get,
        HttpMethod::HEAD => Method::Head,
        HttpMethod::POST => Method::Post,
        _ => Method::Other,
    };
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);

    let latency = store.metrics.request_seconds.with([route]);
    let response = latency.time_future(next.run(request)).await;
    let status = response.status().as_u16();
    store.metrics.requests.with(&Answered { method, route, status }).inc();
    response
}

async fn window() -> Html<String> {
    let mut page = String::from("<h1>Things that count</h1><ul>");
    for product in &PRODUCTS {
        let (id, name, price) = (product.id, product.name, euros(product.cents.into()));
        page += &format!("<li><a href=/products/{id}>{name}</a>, {price}");
    }
    Html(page + "</ul>" + LINKS)
}

async fn show_product(Path(id): Path<u32>) -> Response {
    let Some(product) = product(id) else { return no_such_product(id) };
    let (name, price) = (product.name, euros(product.cents.into()));
    let form = format!("<form method=post action='/cart?product={id}&amp;quantity=1'>");
    Html(format!("<h1>{name}</h1>{price}{form}<button>Into the cart</button></form>{LINKS}"))
        .into_response()
}

async fn show_cart(headers: HeaderMap) -> Html<String> {
    let cart = cart(&headers);
    let mut page = String::from("<h1>Cart</h1><ul>");
    for (product, quantity) in cart.lines() {
        page += &format!("<li>{quantity} × {}", product.name);
    }
    page += &format!("</ul>{}", euros(cart.cents()));
    for country in COUNTRIES {
        let form = format!("<form method=post action='/checkout?country={country}'>");
        page += &format!("{form}<button>Order to {country}</button></form>");
    }
    Html(page + LINKS)
}

#[derive(Debug, serde::Deserialize)]
struct Wanted {
    product: u32,
    quantity: u32,
}

async fn put_in_cart(headers: HeaderMap, Query(wanted): Query<Wanted>) -> Response {
    let Some(product) = product(wanted.product) else { return no_such_product(wanted.product) };
    if !(1..=MOST_OF_ONE).contains(&wanted.quantity) {
        let message = format!("quantity {}: from 1 to {MOST_OF_ONE}\n", wanted.quantity);
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    let mut cart = cart(&headers);
    cart.add(product, wanted.quantity);
    (with_cart(&cart), Redirect::to("/cart")).into_response()
}

#[derive(Debug, serde::Deserialize)]
struct Checkout {
    country: String,
    channel: Option<String>,
}

async fn checkout(
    State(store): State<Arc<Store>>,
    headers: HeaderMap,
    Query(asked): Query<Checkout>,
) -> Result<Response, CheckoutError> {
    let order = store.checkout(&cart(&headers), &asked.country, asked.channel.as_deref())?;
    let (items, price) = (order.items, euros(order.cents));
    let page = format!("<h1>Thank you</h1>{items} items, {price}, to {}{LINKS}", order.country);
    Ok((StatusCode::CREATED, with_cart(&Cart::default()), Html(page)).into_response())
}

impl IntoResponse for CheckoutError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Country(_) | Self::Channel(_) => StatusCode::BAD_REQUEST,
            Self::Empty | Self::SoldOut(_) => StatusCode::CONFLICT,
            Self::Labels(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, format!("{self}\n")).into_response()
    }
}

async fn show_orders(State(store): State<Arc<Store>>) -> Html<String> {
    let mut page = String::from("<h1>Latest orders at this till</h1><ol>");
    for order in store.latest() {
        page += &format!("<li>{} items to {}", order.items, order.country);
    }
    Html(page + "</ol>" + LINKS)
}

const LINKS: &str = "<p><a href=/>window</a> <a href=/cart>cart</a> <a href=/orders>orders</a> \
                     <a href=/metrics>metrics</a>\n";

fn no_such_product(id: u32) -> Response {
    (StatusCode::NOT_FOUND, format!("there is no product {id}\n")).into_response()
}

fn cart(headers: &HeaderMap) -> Cart {
    let cookies = headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok());
    Cart::from_cookies(cookies.unwrap_or_default())
}

fn with_cart(cart: &Cart) -> AppendHeaders<[(HeaderName, String); 1]> {
    AppendHeaders([(SET_COOKIE, cart.to_set_cookie())])
}

fn euros(cents: u64) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}
