//! The enum of all calls and its answers, from the table.

macro_rules! operations {
    ($($name:ident: $method:ident $path:literal, $access:expr, $once:ident, $exists:ident, $handler:path,
        $summary:literal, $body:ty => $status:literal $answer:ty;)*) => {
        /// A call of the service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Operation {
            $(
                #[doc = $summary]
                $name,
            )*
        }

        impl Operation {
            /// All of them, in the order of routing.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in metrics and in the OpenAPI document.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Its method.
            pub(crate) fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// Its method as the OpenAPI document names it.
            pub(crate) fn documented_method(self) -> HttpMethod {
                match self.method() {
                    Method::POST => HttpMethod::Post,
                    Method::PUT => HttpMethod::Put,
                    Method::PATCH => HttpMethod::Patch,
                    Method::DELETE => HttpMethod::Delete,
                    _ => HttpMethod::Get,
                }
            }

            /// Its address.
            pub(crate) const fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }

            /// Who may make it.
            pub(crate) const fn access(self) -> Access {
                match self { $(Self::$name => $access,)* }
            }

            /// What makes it happen once.
            pub(crate) const fn once(self) -> Once {
                match self { $(Self::$name => Once::$once,)* }
            }

            /// Where it exists.
            pub(crate) const fn exists(self) -> Exists {
                match self { $(Self::$name => Exists::$exists,)* }
            }

            /// What it does, in a sentence.
            pub(crate) const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }

            /// Its body's type.
            pub(crate) fn body(self) -> Shape {
                match self { $(Self::$name => shape::<$body>(),)* }
            }

            /// The status and the type of its usual answer.
            pub(crate) fn answer(self) -> (&'static str, Shape) {
                match self { $(Self::$name => ($status, shape::<$answer>()),)* }
            }

            /// Puts it where its address leads.
            pub(crate) fn route(self, config: &mut ServiceConfig) {
                let method = web::method(self.method());
                match self {
                    $(Self::$name => config.route($path, method.to(guarded(self, $handler))),)*
                };
            }
        }
    };
}
