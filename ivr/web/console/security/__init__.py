"""Sign-in, second factor, single sign-on, and what every response and every form is protected by."""
