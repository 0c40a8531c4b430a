//! What is encrypted can be decrypted, up to the limit and not beyond.

use super::world::{ROOT, World, by};
use crate::app::error::Error;

/// The limit of every test replica.
const MOST: usize = 65_536;

#[tokio::test]
async fn the_longest_text_that_is_encrypted_is_decrypted_too() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let (app, root) = (&replica.app, by(ROOT));
    let plain = vec![7; MOST];
    let sealed = app.encrypt(&root, &plain).await.expect("at the limit");
    let opened = app.decrypt(&root, sealed.version, &sealed.nonce, &sealed.ciphertext).await;
    assert!(*opened.expect("at the limit") == plain);

    let refused = app.encrypt(&root, &vec![7; MOST + 1]).await.expect_err("beyond the limit");
    assert!(matches!(&refused, Error::BadRequest(why) if why.contains("65536")), "{refused}");
    let longer = [sealed.ciphertext.as_slice(), &[0]].concat();
    let refused = app.decrypt(&root, sealed.version, &sealed.nonce, &longer).await;
    let refused = refused.expect_err("beyond the limit");
    assert!(matches!(&refused, Error::BadRequest(why) if why.contains("65536")), "{refused}");
}
