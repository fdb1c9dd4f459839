/**
 * Every word a person reads, in one place. `{name}` is a place for a value; `Say` puts it there inside a `<bdi>`.
 * Plain words for tired people: say what is the case, then what to do.
 */
export const messages = {
  product: 'Latchkey',
  /** Put before the title of a page that shows a mistake, so that it is the first thing heard. */
  errorPrefix: 'Error: ',
  reference: 'Reference: {reference}',
  cancel: 'Cancel',
  or: 'or',

  problemSummary: 'There is a problem',
  errors: {
    emptyName: 'Enter your work email or user name.',
    /** One wording for wrong, expired, used and unknown; the reason is in the audit log. */
    refused: 'That did not work. Check it, or ask for a new one.',
    passkeyRefused: 'That passkey did not work. Try again, or choose another way.',
    userUnverified: 'Your key has no PIN. Set one in your system’s security-key settings, then try again.',
    passkeyUnknown: 'That passkey is no longer registered here.',
    passkeyOfOther: 'That passkey belongs to another account than the one you are signing in to.',
    passkeySuspended: 'We could not accept that passkey. Contact the help desk and give them the reference.',
    passkeyNotAllowed: 'Your organisation does not let you sign in with that passkey. Choose another way.',
    notConfirmed: 'That did not work. Try again, or sign in with your new passkey later.',
    notCreated: 'Your passkey was not saved. Create it again.',
    alreadyRegistered: 'That device already has a passkey for your account.',
    passkeysNotAllowed: 'Your organisation does not let you create passkeys.',
    modelNotAllowed:
      'Your organisation does not allow this kind of passkey. Create one elsewhere, or with another key.',
    tooManyPasskeys: 'You have as many passkeys as are allowed.',
    appRefused: 'That code did not work. Wait for the next one in the app, then enter it.',
    signsInElsewhere:
      'That passkey does not sign you in here. Enter your user name, and go on to where your organisation signs in.',
    upstreamUnreachable:
      'Your organisation’s sign-in could not be reached. Try again in a minute, or choose another way.',
    upstreamCancelled: 'You did not finish signing in there. Try again, or choose another way.',
    upstreamRefused:
      'That sign-in did not work. Try again, or choose another way. If it happens again, give the help desk the reference.',
    passwordWeak: 'That password is too short or too easy to guess. Choose a longer one.',
    passwordsDiffer: 'The two passwords are not the same. Enter both again.',
    tooManyApps: 'You have as many authenticator apps as are allowed.',
    wrongPassword: 'That did not work. Check it, and try again.',
    noMethodName: 'Enter a name for it.',
    lastWayIn: 'That is your last way to sign in, so it stays. Add another one first.',
    onePerPass: 'Your temporary pass has added one already. For more, sign in with what you have added.',
    linkTaken: 'That account is already linked elsewhere. Sign in there with another account, or ask your help desk.',
    linkHasOther: 'You have linked another account there already. Unlink that first.',
    linkCancelled: 'Nothing was linked: you did not finish signing in there.',
    linkUnreachable:
      'Nothing was linked: the other organisation’s sign-in could not be reached. Try again in a minute.',
    linkRefused:
      'Nothing was linked: that sign-in did not work. Try again. If it happens again, give the help desk the reference.',
    longMethodName: 'That name is too long. Use a shorter one.',
  },

  identify: {
    heading: 'Sign in',
    toContinue: 'to continue to {app}',
    name: 'Work email or user name',
    nameWithPass: 'Next we ask for your temporary pass.',
    submit: 'Continue',
    usePasskey: 'Sign in with a passkey',
    usePass: 'I have a temporary pass',
  },

  verify: {
    notYou: 'Not you?',
    byName: 'I have a temporary pass, or another account',
    submit: 'Continue',
    otherWays: 'Other ways to sign in',
    showCode: 'Show',
    hideCode: 'Hide',
    showPassword: 'Show',
    hidePassword: 'Hide',
    noScript: 'Passkeys need JavaScript, and it is switched off in this browser. Choose another way below.',
    noPasskeys: 'This browser cannot use passkeys. Choose another way below.',
    forTheApp: '{app} asks for more than that. Show one more way that is yours.',
    noneYet: 'You have no passkey yet',
    asksForPasskey: '{app} asks for a passkey. You are signed in with a temporary pass, and that is not enough here.',
    addOneFirst: 'Add a passkey in My security info. Then open {app} again and use it.',
    addOne: 'Add a passkey in My security info',
  },

  /** By method. `hook` is the id of the button that chooses it that scripts rely on, `kind` the kind of question it asks. */
  methods: {
    passkey: {
      kind: 'passkey',
      hook: 'use-passkey',
      heading: 'Use your passkey',
      lead: 'Your device will ask for your fingerprint, face or screen lock.',
      submit: 'Use my passkey',
      choose: 'Use a passkey',
    },
    'temporary-access-pass': {
      kind: 'code',
      hook: 'use-pass',
      heading: 'Enter your temporary pass',
      label: 'Temporary pass',
      hint: 'Codes never hold 0, 1, I or O. Capitals, spaces and dashes do not matter.',
      tries: 'After 5 wrong tries you have to wait five minutes.',
      choose: 'I have a temporary pass',
    },
    upstream: {
      kind: 'redirect',
      hook: 'use-upstream',
      heading: 'Sign in at {provider}',
      lead: 'You go on to a page of {provider}. When you have signed in there, you come back and go on to {app}.',
      submit: 'Continue to {provider}',
      choose: 'Continue to {provider}',
    },
    password: {
      kind: 'password',
      hook: 'use-password',
      heading: 'Enter your password',
      label: 'Password',
      choose: 'Use a password',
    },
    'authenticator-app': {
      kind: 'code',
      hook: 'use-app',
      heading: 'Enter the code from your app',
      label: 'Code',
      hint: 'Open your authenticator app. The code has 6 digits and changes every 30 seconds.',
      tries: 'Each code works once.',
      choose: 'Use an authenticator app',
    },
    'recovery-code': {
      kind: 'code',
      hook: 'use-recovery-code',
      heading: 'Enter a recovery code',
      label: 'Recovery code',
      hint: 'One of the codes you wrote down or printed. Capitals, spaces and dashes do not matter.',
      tries: 'Each code works once. After 5 wrong tries you have to wait 15 minutes.',
      choose: 'I have a recovery code',
    },
  },

  passLink: {
    heading: 'Use your temporary pass',
    isFor: 'This pass is for {user}.',
    next: 'A pass leads to creating a passkey, or signs you in: the next page tells. Use it on the device that you want to sign in with.',
    submit: 'Use this pass',
    waiting: 'One moment…',
    failed: 'That did not work. Check your connection and that cookies are allowed for this site, then try again.',
    notYou: 'If that is not you, close this page. Opening it has not used the pass up.',
    noScript:
      'The link you opened fills in the pass by itself. That needs JavaScript, which is switched off in this browser. You can enter name and code by hand; passkeys need JavaScript too.',
    otherwise: 'You have no code?',
    signIn: 'Sign in',
  },

  wait: {
    choose: 'Create it on your phone instead',
    chooseHint: 'You scan a code and go on there. No Bluetooth needed.',
    qrLabel: 'QR code that goes on on your phone',
    byHand: 'I cannot scan it',
    byHandHow: 'Open this address on your phone, in an up-to-date browser. It works once.',
    keep: 'The code is for you alone. Show it to nobody and send it to nobody.',
    offered: {
      heading: 'Go on on your phone',
      lead: 'Scan this with your phone’s camera, and open the page it shows.',
      next: 'You create your passkey on the phone and use it once there. This page waits, and then goes on to {app} by itself.',
      back: 'Stay on this device',
      backMeans: 'Then the code stops working, and you create your passkey here.',
    },
    claimed: {
      heading: 'You are going on on your phone',
      lead: 'Create your passkey there. Nothing is asked of you here meanwhile.',
      next: 'When you have used it once, this page goes on to {app} by itself.',
      back: 'Take it back here',
      backMeans: 'If that is not your phone, take it back: it can do nothing more from then on.',
    },
    saved: {
      heading: 'Now use your passkey on your phone',
      lead: 'It is saved. Use it once there.',
      next: 'Then this page goes on to {app} by itself.',
      back: 'Take it back here',
      backMeans:
        'Then the passkey made there no longer counts, and you create one here. If that is not your phone, tell your help desk.',
    },
  },
  continueLink: {
    heading: 'Go on on this device',
    isFor: 'You are adding a passkey for {user}.',
    account: 'For the account {user}',
    warning: 'If somebody else showed or sent you this code, stop: close this page.',
    next: 'You create a passkey here and use it once. Then you go on on your computer. Nobody is signed in on this device.',
    submit: 'Go on here',
    notYou: 'If that is not your account, close this page. Opening it has changed nothing.',
    waiting: 'One moment…',
    missing: 'Scan the code on your computer with this device’s camera, and open the page it shows.',
    ended: 'This code no longer works. Your computer shows what comes next.',
    failed:
      'That did not work. Check your connection and that cookies are allowed for this site, then scan the code again.',
    noScript:
      'This needs JavaScript, as passkeys do, and it is switched off in this browser. Switch it on for this site and scan the code again.',
    afterwards: 'Then you use it once, and go on on your computer.',
    afterwardsApp: 'Then you go on on your computer.',
    confirmLead: 'This shows that it works. Then you go on on your computer.',
    noPasskeys: 'Stop here, and go on on your computer or scan the code with another device.',
    stop: 'Stop here and go back to the computer',
    trouble: 'If it does not work, stop here: then you create another passkey on your computer.',
  },
  continueDone: {
    heading: 'Done. Go on on your computer.',
    goOn: 'It goes on there by itself. You can close this page.',
    saved: 'Saved: {name}',
    thisDeviceOnly: 'This device only',
    synced: 'Synced to your other devices',
    isFor: 'It is for {user}. You are not signed in on this device.',
  },

  window: {
    until: 'You have until {time}.',
    comeBack: 'You may leave this page and come back in this browser until then.',
    left: '{clock} left',
    fiveMinutes: '5 minutes left.',
    oneMinute: '1 minute left.',
    ended: 'The time is up.',
    whatNow: 'See what to do next',
  },

  /** For somebody who had ways in before the pass. */
  lost: {
    ask: 'Did you lose something?',
    askWhy:
      'You have signed in here before. If a phone, a key or a sheet of codes is gone, say so, and nobody else signs in with it.',
    open: 'I lost something',
    heading: 'Did you lose any of these?',
    lead: 'This is how you signed in until now. Tick what you no longer have.',
    legend: 'I lost',
    kinds: {
      passkey: 'Passkey',
      'authenticator-app': 'Authenticator app',
      'recovery-code': 'The whole sheet',
    },
    effect:
      'What you tick stops working now, and you are signed out everywhere else. Nothing is deleted: if you find it again, you can use it again.',
    submit: 'I lost these',
    none: 'I have them all',
    suspended: 'What you lost no longer works, and you are signed out everywhere else. Now go on here.',
  },

  calledLost: {
    heading: 'This passkey was called lost',
    about:
      'At {at} somebody with a temporary pass or a recovery code for your account said that it was lost. Since then it does not sign you in.',
    lead: 'If that was not you, stop it here:',
    effects: [
      'Temporary passes and recovery codes of your account are cancelled.',
      'What was added since one of them was used no longer works.',
      'You are signed out everywhere.',
      'This passkey works again.',
    ],
    submit: 'This was not me',
    wasYou:
      'If it was you, sign in with what you have registered since. In My security info you can use this passkey again.',
    goOn: 'It was me',
  },
  /** The same page for one that was removed: what is said otherwise. */
  removedAfterPass: {
    heading: 'This passkey was removed',
    about:
      'At {at} it was removed from your account, not long after somebody entered a temporary pass or a recovery code of yours. Since then it does not sign you in.',
    wasYou: 'If it was you, sign in with what you have registered since, and delete this passkey from your device.',
  },
  reclaimed: {
    heading: 'This is stopped',
    lead: 'Since {at}: temporary passes and recovery codes are cancelled, what was added since one of them was used no longer works, and the account is signed out everywhere. Your passkey works again.',
    next: 'Tell your help desk what happened: somebody had a temporary pass or a recovery code of yours.',
    submit: 'Sign in',
  },

  disowned: {
    heading: 'This is stopped',
    lead: 'The sign-in at {name} is unlinked. What was added to your account since it was linked, at {at}, no longer works, temporary passes and recovery codes are cancelled, and the account is signed out everywhere.',
    next: 'Tell your help desk what happened: whoever has that account could sign in as you. Then sign in once more, with what you have just used.',
    submit: 'Sign in',
  },

  enrolWays: {
    heading: 'Or choose something else',
    passkey: 'Create a passkey instead',
    'authenticator-app': 'Use an authenticator app instead',
  },

  enrolApp: {
    heading: 'Connect your authenticator app',
    lead: 'An app on your phone shows a new code every 30 seconds. You sign in with a password and such a code.',
    scan: '1. Scan this with the app',
    qrLabel: 'QR code for your authenticator app',
    byHand: 'I cannot scan it',
    byHandHow: 'Choose “enter a key” in the app, and type this key. The spaces do not matter.',
    password: '2. Choose a password',
    passwordLabel: 'New password',
    passwordHint: 'At least 8 characters. Several words that only you would put together are good.',
    repeatLabel: 'The same password again',
    code: '3. Enter the code it shows',
    codeSecond: '2. Enter the code it shows',
    codeLabel: 'Code',
    codeHint: '6 digits. It changes every 30 seconds.',
    submit: 'Connect it',
    next: 'Then you go on to {app}.',
  },

  demanded: {
    required: 'Your organisation asks for one more way to sign in before you go on to {app}.',
    nudge: 'Your organisation recommends one more way to sign in. It takes a minute, and then you go on to {app}.',
    notNow: 'Not now',
  },

  reconfirm: {
    heading: 'Are these still yours?',
    lead: 'You sign in with these. Make sure that you still have each of them, and that you know them all.',
    legend: 'How you sign in',
    kinds: {
      passkey: 'Passkey',
      password: 'Password',
      'authenticator-app': 'Authenticator app',
      'recovery-code': 'The whole sheet',
    },
    link: 'Linked sign-in',
    linkedOn: 'Linked on',
    linkRests: 'It does not sign you in at the moment.',
    notMine: 'This is not mine',
    notMineOf: 'This is not mine: {name}',
    notMineMeans:
      'It is unlinked, what was added to your account since then stops working, and you are signed out everywhere. A temporary pass and your recovery codes are cancelled. What you have just signed in with works.',
    notMineStops: 'These stop as well:',
    stop: 'Unlink it and stop this',
    yes: 'Yes, these are mine',
    change: 'Change them',
    changeMeans: 'You go on to {app} as well, and then change them in My security info.',
  },

  steps: { first: 'Step 1 of 2', second: 'Step 2 of 2' },

  enrol: {
    heading: 'Create your passkey',
    lead: 'Your device will ask for your fingerprint, face or screen lock. From now on, that is how you sign in.',
    create: 'Create a passkey',
    elsewhere: 'Keep it somewhere else',
    phone: 'Use a phone or tablet',
    phoneHint: 'You scan a QR code with it. Both devices need Bluetooth and the internet.',
    securityKey: 'Use a security key',
    securityKeyHint: 'Have it at hand. It will ask for its PIN or your fingerprint.',
    next: 'Then you use it once, and go on to {app}.',
    signInInstead: 'Sign in with that passkey',
    noPasskeys: 'This browser cannot make passkeys',
    noScript:
      'Passkeys need JavaScript, and it is switched off in this browser. Switch it on for this site and reload the page.',
    noPasskeysOneTime: [
      'Create it on your phone instead: the button is below.',
      'The pass you entered now belongs to this browser and does not work in another.',
      'Without a phone at hand, ask the help desk for a new pass. Then open {app} on your phone, or in an up-to-date Chrome, Edge, Firefox or Safari, and enter the new pass there.',
    ],
    noPasskeysSignedIn: [
      'Open {app} on your phone, or in an up-to-date Chrome, Edge, Firefox or Safari, and sign in there.',
    ],
    noPasskeysReusable: [
      'Open {app} on your phone, or in an up-to-date Chrome, Edge, Firefox or Safari, and enter the same pass there.',
    ],
  },

  confirm: {
    heading: 'Use your new passkey once',
    saved: 'Passkey saved: {passkey}',
    lead: 'This shows that it works. Then you go on to {app}.',
    submit: 'Use my passkey',
    trouble: 'If it does not work: your passkey is saved. You can close this page and sign in with it later.',
    noScript:
      'Passkeys need JavaScript, and it is switched off in this browser. Switch it on for this site and reload the page.',
    noPasskeys:
      'This browser cannot use passkeys. Your passkey is saved: sign in with it later, on the device that has it.',
  },

  complete: {
    heading: 'You are signed in',
    going: 'Taking you to {app}…',
    submit: 'Continue to {app}',
    tooOld: 'This took a while. If {app} says that it no longer knows of it, open it again: you stay signed in.',
    openAgain: 'Open {app} again',
    toChange: 'You wanted to change how you sign in. First go on to {app}, then open My security info.',
    change: 'Open My security info in a new tab',
  },

  problem: {
    whatToDo: 'What to do',
    backToApp: 'Back to {app}',
    signInAgain: 'Sign in again',
    signInOtherwise: 'Sign in another way',
    signOut: 'Sign out',
    reload: 'Try again',
    home: 'Go to My security info',
    details: 'For the people who run the app',
  },

  problems: {
    signInEnded: {
      title: 'This sign-in has ended',
      sentences: ['It was finished, or it waited too long.'],
      whatToDo: ['Go back to the app you wanted to use and open it again.'],
    },
    windowEnded: {
      title: 'The time to create a passkey is over',
      sentences: ['A temporary pass opens this step for a short time only. That keeps your account safe.'],
      whatToDo: ['If you already saved a passkey, sign in with it.', 'If not, ask for a new pass.'],
    },
    nothingToRegister: {
      title: 'There is nothing you may set up here',
      sentences: ['Your pass is right, but your organisation lets you register no way to sign in yourself.'],
      whatToDo: ['Ask your help desk to register one for you.'],
    },
    windowEndedElsewhere: {
      title: 'The time to create a passkey is over',
      sentences: ['A temporary pass opens this step for a short time only, and it can be taken back.'],
      whatToDo: ['Your computer shows what comes next.'],
    },
    notHere: {
      title: 'There is nothing to go on with here',
      sentences: [
        'It was finished, stopped, or taken back on the computer. Or this is not the browser in which you scanned the code.',
      ],
      whatToDo: ['Your computer shows what comes next.'],
    },
    linkEnded: {
      title: 'This code no longer works',
      sentences: [
        'It works once, for a short time. It was used by another device, a newer one took its place, or the computer stopped it.',
        'Nothing has changed.',
      ],
      whatToDo: [
        'Your computer shows what comes next.',
        'If it says that you are going on on a phone and it was not you, take it back there.',
      ],
    },
    cookiesBlockedElsewhere: {
      title: 'Your browser did not keep our cookie',
      sentences: ['Going on here needs a cookie, so that no other device can.', 'The code is not used up.'],
      whatToDo: ['Allow cookies for this site.', 'Then scan the code again.'],
    },
    passEnded: {
      title: 'Your temporary pass has ended',
      sentences: ['It was used elsewhere or taken back, or its time is over.'],
      whatToDo: ['If you have a passkey, sign in with it.', 'If not, ask for a new pass.'],
    },
    signedInAsAnother: {
      title: 'You are signed in as somebody else',
      sentences: [
        'You are signed in as {current}. This pass is for {other}.',
        'Nothing has changed, and the pass is not used up.',
      ],
      whatToDo: ['Sign out first. Then enter the pass again.'],
    },
    signedInAsAnotherThere: {
      title: 'You are signed in as somebody else',
      sentences: ['You are signed in here as {current}. At {provider} you are {other}.', 'Nothing has changed.'],
      whatToDo: ['Sign out first. Then sign in again.'],
    },
    nobodyKnown: {
      title: 'Nobody here knows you yet',
      sentences: ['You have signed in at {provider}. There is no account here that belongs to it, and none was made.'],
      whatToDo: [
        'Ask your help desk for an account, and give them the reference below.',
        'If you have one at {provider} under another name, sign out there first.',
      ],
    },
    nameTaken: {
      title: 'An account with this name exists',
      sentences: [
        'You have signed in at {provider} as {other}. There is an account of that name here, and it is not linked with you there.',
        'It may be yours. A name alone is no proof of that, so nothing has changed.',
      ],
      whatToDo: [
        'If it is yours, sign in another way and link the two in My security info.',
        'If you cannot, ask your help desk, and give them the reference below.',
      ],
    },
    roleHeld: {
      title: 'Your account signs in here',
      sentences: ['{other} has an administrator’s role. Such accounts do not sign in through {provider}.'],
      whatToDo: ['Use your passkey.', 'If you have none, ask another administrator for a temporary pass.'],
    },
    accountOff: {
      title: 'Your account here is switched off',
      sentences: ['You have signed in at {provider} as {other}. That account may not sign in here at present.'],
      whatToDo: ['If you think it should, ask your help desk, and give them the reference below.'],
    },
    homeElsewhere: {
      title: 'Your organisation signs in elsewhere',
      sentences: ['{other} does not sign in through {provider}.'],
      whatToDo: ['Enter your user name on the first page. It leads to the right place.'],
    },
    returnUnknown: {
      title: 'There is nothing to go on with here',
      sentences: [
        'You came back from another provider, but not from a sign-in that is under way in this browser. It was finished already, waited too long, or began elsewhere.',
        'Nothing has changed.',
      ],
      whatToDo: ['Go back to the app you wanted to use and open it again.'],
    },
    cookiesBlocked: {
      title: 'Your browser did not keep our cookie',
      sentences: ['Signing in needs a cookie, so that nobody else can finish it for you.'],
      whatToDo: ['Allow cookies for this site.', 'Then go back to the app and open it again.'],
    },
    notFound: {
      title: 'There is no such page',
      sentences: ['The address may be mistyped, or the page is gone.'],
      whatToDo: ['Go back to the app you wanted to use and open it again.'],
    },
    forbidden: {
      title: 'You may not do that',
      sentences: ['Your account is not allowed to open this.'],
      whatToDo: ['If you think it should be, ask your administrator.'],
    },
    needsPasskey: {
      title: 'This page needs a recent sign-in with a passkey',
      sentences: ['You are signed in, but not with a passkey in the last ten minutes.'],
      whatToDo: [
        'Sign in with a passkey and open the page again.',
        'If you have none, ask your help desk for a temporary pass.',
      ],
    },
    needsBothParts: {
      title: 'This page needs a recent sign-in with two factors',
      sentences: ['You are signed in, but not with your password and authenticator app in the last ten minutes.'],
      whatToDo: [
        'Sign in with both and open the page again.',
        'If you have lost one of them, ask your help desk for a temporary pass.',
      ],
    },
    crossSite: {
      title: 'We did not accept that',
      sentences: ['It was sent from a page that is not ours, or from one that was open too long. Nothing was done.'],
      whatToDo: ['Go back to the app you wanted to use and open it again.'],
    },
    badRequest: {
      title: 'We could not read that',
      sentences: ['What your browser sent was not complete. Nothing was done.'],
      whatToDo: ['Go back and try again.'],
    },
    tooLarge: {
      title: 'That was too much at once',
      sentences: ['What was sent is larger than anything this page needs. Nothing was done.'],
      whatToDo: ['Go back, check what you entered, and try again.'],
    },
    throttled: {
      title: 'Too many tries',
      sentences: ['To keep accounts safe, we wait a little after several tries.'],
      whatToDo: ['Wait {wait}. Then try again.'],
    },
    overloaded: {
      title: 'We are very busy',
      sentences: ['We could not check that just now. It does not count as a try.'],
      whatToDo: ['Wait {wait}. Then try again.'],
    },
    notMeEnded: {
      title: 'This link no longer works',
      sentences: ['It is too old, or was not copied whole. Nothing was done.'],
      whatToDo: [
        'If something happens to your account that you did not ask for, tell your help desk now.',
        'If a newer mail of ours tells you of it, use the link in that one.',
      ],
    },
    fault: {
      title: 'Something went wrong',
      sentences: ['It is our fault, not yours.'],
      whatToDo: ['Try again in a minute.', 'If it happens again, give the help desk the reference below.'],
    },
    protocol: {
      title: 'The app asked for something we cannot do',
      sentences: ['You did nothing wrong. The app and this sign-in do not agree on how to work together.'],
      whatToDo: [
        'Go back to the app and try again.',
        'If it happens again, send the lines below to the people who run it.',
      ],
    },
  },

  securityInfo: {
    heading: 'My security info',
    signedInAs: 'Signed in as',
    signOut: 'Sign out',
    passkeys: 'Passkeys',
    passkeysLead: 'With a passkey you sign in with your fingerprint, face or screen lock.',
    empty: 'You have no passkey yet',
    emptyText: 'Create one now, and your device signs you in from then on.',
    onlyOne: 'Add a second passkey',
    onlyOneText: 'If you lose this one, the help desk has to let you back in. Keep a second one on another device.',
    create: 'Create a passkey',
    add: 'Add a passkey',
    thisDeviceOnly: 'This device only',
    synced: 'Synced to your other devices',
    provider: 'Kept in',
    created: 'Created',
    lastUsed: 'Last used',
    neverUsed: 'Not used yet',
    rename: 'Rename',
    renameOf: 'Rename {method}',
    name: 'Name',
    save: 'Save name',
    noScript: 'To add a passkey, switch JavaScript on for this site and reload the page.',
    noPasskeys: 'This browser cannot make passkeys. Open this page on another device to add one.',
    withPass: 'You signed in with a temporary pass. To change anything here,',
    prove: 'sign in with what you have registered.',
    suspended: 'No longer works',
    refused: 'Not allowed by your organisation',
    suspendedFor: {
      lost: 'Called lost on {at}. Remove it for good, or use it again if you found it.',
      administrator: 'Suspended by an administrator on {at}.',
      other: 'Suspended on {at}.',
    },
    useAgain: 'I found it: use it again',
    useAgainOf: 'I found it: use it again ({method})',
    otherMethods: 'Other ways to sign in',
    otherMethodsLead:
      'A password and an authenticator app work together. A recovery code lets you back in when all else is lost.',
    addOther: {
      'authenticator-app': 'Add an authenticator app',
      password: 'Set a password',
      'recovery-code': 'Make recovery codes',
    },
    again: {
      'authenticator-app': 'Add another authenticator app',
      password: 'Change the password',
      'recovery-code': 'Make new recovery codes',
    },
    remove: 'Remove',
    removeOf: 'Remove {method}',
    back: 'Back',
    links: 'Linked sign-ins',
    linksLead: 'Accounts at other organisations that sign you in here. You sign in there once more to link one.',
    link: 'Link with {name}',
    unlink: 'Unlink',
    unlinkOf: 'Unlink {name}',
    linkWaits: 'It does not sign you in yet: as an administrator you need the word of a Global Administrator for it.',
    sessions: 'Where you are signed in',
    sessionsLead: 'Browsers that are signed in to your account. If you do not know one of them, sign it out.',
    unknownDevice: 'Unknown browser',
    thisBrowser: 'This browser',
    signedIn: 'Signed in',
    signedInWith: {
      passkey: 'with a passkey',
      pass: 'with a temporary pass',
      password: 'with a password',
      other: 'in another way',
    },
    lastSeen: 'Last seen',
    place: 'Address',
    apps: 'Apps',
    endSession: 'Sign out',
    endSessionOf: 'Sign out {device}',
    everywhere: 'Sign out everywhere',
    activity: 'Recent activity',
    activityLead: 'What happened to your account in the last 90 days. If something was not you, you can stop it there.',
    showActivity: 'Show recent activity',
    notices: {
      contained:
        'Stopped. Other browsers are signed out, and what was added since then no longer works. Tell your help desk what happened.',
      added: 'Passkey added.',
      renamed: 'Name saved.',
      sessionEnded: 'Signed out there.',
      removed: 'Removed.',
      appAdded: 'Authenticator app added.',
      passwordSaved: 'Password saved.',
      usedAgain: 'It works again.',
      linked: 'Linked. You can sign in there from now on.',
      unlinked: 'Unlinked.',
    },
  },
  unlink: {
    heading: 'Unlink this?',
    headingLast: 'This one stays',
    last: 'It is your last way to sign in. Add another one first: then you can unlink it.',
    effect: 'Your account at {name} no longer signs you in here, and browsers that it signed in are signed out.',
    submit: 'Unlink it',
    back: 'Back',
  },
  removeMethod: {
    heading: 'Remove this?',
    headingLast: 'This one stays',
    last: 'It is your last way to sign in. Add another one first: then you can remove it.',
    lastStrong:
      'It is your last passkey. From then on you sign in with your password and a code, and those can be stolen by a false page. Better add another passkey first.',
    lastHere:
      'It is your last way to sign in here. From then on you sign in at {names} alone, and to add a way here again you need a temporary pass from the help desk.',
    effects: {
      passkey:
        'It no longer signs you in here. Your device or password manager may still show it: delete it there too.',
      password: 'It no longer signs you in. An authenticator app works only together with a password.',
      'authenticator-app': 'Its codes no longer work here. Delete the account in the app as well.',
      'recovery-code': 'All codes of the sheet stop working. Throw the sheet away.',
    },
    submit: 'Remove it',
    back: 'Back',
  },
  setPassword: {
    heading: 'Set a password',
    headingChange: 'Change your password',
    lead: 'You sign in with it and a code of your authenticator app.',
    others:
      'The password you have now stops working. Browsers that are signed in stay so, because changing a password is no sign that somebody else is there; if you fear that, sign out everywhere as well.',
    submit: 'Save password',
  },
  recoveryCodes: {
    heading: 'Make recovery codes',
    lead: 'You get ten codes to print or write down. When everything else is lost, one of them lets you create a new passkey.',
    replacing: 'The codes you have now stop working.',
    submit: 'Make ten codes',
    headingNew: 'Your recovery codes',
    keep: 'You see these codes only now. Print this page or write them down, and keep them where nobody else looks. Codes from before no longer work.',
    use: 'To use one, choose “I have a recovery code” when you sign in. Each works once.',
    done: 'I have kept them',
  },
  activity: {
    heading: 'Recent activity',
    lead: 'The last 50 things that happened to your account in 90 days, the newest first.',
    none: 'Nothing happened in the last 90 days.',
    tries: {
      none: 'Nobody failed to sign in as you in the last 90 days.',
      some: 'Failed sign-ins with your name in the last 90 days: {count}. The last was on {at}.',
      advice: 'You need not do anything: whoever it was did not get in. Mistyped codes of your own count as well.',
    },
    many: '1,000 or more',
    back: 'Back',
    notMe: 'This was not me',
    notMeOf: 'This was not me: {what}, {at}',
    by: { themselves: '', administrator: 'By an administrator', nobody: '' },
    unknownApp: 'an app',
    with: {
      passkey: 'with a passkey',
      'temporary-access-pass': 'with a temporary pass',
      password: 'with a password',
      'authenticator-app': 'with a code of an authenticator app',
      'recovery-code': 'with a recovery code',
      upstream: 'at your organisation’s sign-in',
    },
    and: 'and',
    what: {
      'signed-in': 'Signed in to {app}',
      'pass-entered': 'A temporary pass was entered',
      'recovery-code-entered': 'A recovery code was used',
      'pass.issued': 'You were given a temporary pass',
      'pass.extended': 'Your temporary pass was extended',
      'pass.revoked': 'Your temporary pass was cancelled',
      'pass.completed': 'Your temporary pass did its work and ended',
      'passkey.registered': 'A passkey was added',
      'passkey.provisioned': 'A passkey was added for you',
      'passkey.renamed': 'A passkey was renamed',
      'passkey.removed': 'A passkey was removed',
      'passkey.suspended': 'A passkey was suspended',
      'password.set': 'A password was set',
      'password.changed': 'The password was changed',
      'password.reset': 'A new password was set for you',
      'password.removed': 'The password was removed',
      'password.locked': 'The password was locked',
      'authenticator-app.registered': 'An authenticator app was added',
      'authenticator-app.renamed': 'An authenticator app was renamed',
      'authenticator-app.removed': 'An authenticator app was removed',
      'authenticator-app.suspended': 'An authenticator app was suspended',
      'recovery-codes.made': 'Recovery codes were made',
      'recovery-codes.removed': 'The recovery codes were removed',
      'recovery-code.completed': 'A recovery code did its work and ended',
      'federated-identity.linked': 'A sign-in at another organisation was linked',
      'federated-identity.unlinked': 'A sign-in at another organisation was unlinked',
      'session.ended': 'A browser was signed out',
      'session.ended-elsewhere': 'Browsers that were signed in at another organisation were signed out',
      'session.all-ended': 'You were signed out everywhere',
      'account.contained': 'Somebody said “this was not me”',
      'user.enabled': 'Your account was enabled',
      'user.disabled': 'Your account was disabled',
    },
  },
  stopActivity: {
    heading: 'Was this not you?',
    lead: 'If that was not you and you did not ask for it, stop it here:',
    effects: [
      'Every other browser is signed out, and apps lose the access they got there.',
      'A temporary pass you were given is cancelled, and so are your recovery codes.',
      'What was added to your account since then no longer works.',
      'This browser stays signed in, and what you have just signed in with goes on working.',
    ],
    suspends: 'These stop working:',
    submit: 'Stop this',
    back: 'Back',
  },
  signOutEverywhere: {
    heading: 'Sign out everywhere?',
    lead: 'Use this when a device is lost, or somebody else may be signed in to your account.',
    effects: [
      'Every browser is signed out, this one too.',
      'Apps lose their access, also those that work while you are away. Some apps keep you signed in until they next ask.',
      'A temporary pass you were given is cancelled.',
      'Your passkeys stay, and sign you in again.',
    ],
    submit: 'Sign out everywhere',
    back: 'Back',
  },

  /** For the people who write programs. */
  apiDocument: {
    title: 'Management API',
    sentences: [
      'Users, passes, sign-in methods, policies and logs, for programs. The API has the shape of Microsoft Graph: clients and scripts made for that work here, below another address.',
      'Every address below stands behind /v1.0, and behind /beta, which is the same. A user is named by object id or user principal name.',
      'A request carries an access token for this API. A refusal is JSON with error.code for the program and error.message for the person who reads it.',
    ],
    file: 'OpenAPI document, for tools',
    contents: 'Contents',
    application: 'Permission of an application, one of:',
    delegated: 'Scope of a person’s token, one of:',
    roles: 'Role of the person, one of:',
    none: 'No application does this for itself',
    noRole: 'None',
    proof: 'Passkey used:',
    minutes: 'in the last {minutes} minutes',
    options: 'Query options:',
    headersTitle: 'Headers',
    headersSent: 'Of requests',
    headersGiven: 'Of answers',
    headers: 'Request headers:',
    answerHeaders: 'Answer headers:',
    sent: 'Properties of the request',
    given: 'Properties of the answer',
    items: 'Properties of each item of the answer',
    required: 'always',
    answers: 'Answers {status}.',
    answersText: 'Answers {status}, with a number as plain text.',
    answersNothing: 'Answers {status}, with nothing more.',
  },

  claimValue: { standsIn: 'A value of the claim {claim}, by which an app is told how a person signed in:' },
  /** For the people who build apps, by the path of the value's address. */
  claimValues: {
    'acr/bootstrap': {
      title: 'Entered to register',
      claim: 'acr',
      sentences: [
        'The person entered a temporary pass that is for registering a passkey and nothing else.',
        'It is the lowest level there is. No app gets it: nobody goes on to an app before the new passkey has been used.',
      ],
    },
    'acr/1f': {
      title: 'Signed in with one factor',
      claim: 'acr',
      sentences: [
        'The person showed one thing: for example a temporary pass that signs in, where policy does not let it count for two.',
        'Above it are acr/2f, then phr and phrh of OpenID EAP ACR Values 1.0. An app that asks for one of these with acr_values gets it or a higher one, or is told that it could not be met.',
      ],
    },
    'acr/2f': {
      title: 'Signed in at the level of two factors',
      claim: 'acr',
      sentences: [
        'The person signed in in a way that the organisation accepts where two factors are asked for: for example with a temporary pass that signs in, where policy lets it count for two. What was used stands in amr, which says mfa only where there were two factors.',
        'It is not safe from phishing. An app that needs that asks for phr.',
      ],
    },
    'amr/pass': {
      title: 'A temporary pass',
      claim: 'amr',
      sentences: [
        'The person signed in with a Temporary Access Pass: a code that an administrator gave them for a short time. RFC 8176 has no word for it.',
        'Sessions and tokens that it opened end with the pass.',
      ],
    },
    'amr/federated': {
      title: 'Signed in elsewhere',
      claim: 'amr',
      sentences: [
        'The person signed in with another provider, which the organisation trusts for them. RFC 8176 has no word for it.',
        'What they showed there is named beside it where the organisation believes that provider, and is not known otherwise.',
      ],
    },
  },

  notMe: {
    heading: 'Was this not you?',
    about: 'You were told by mail that something happened to the account {user}. It was at {at}.',
    lead: 'If that was not you and you did not ask for it, stop it here:',
    effects: [
      'Your temporary pass is cancelled.',
      'Ways to sign in that were added since then no longer work. Those you had before do.',
      'You are signed out everywhere.',
    ],
    submit: 'Stop this',
    wasYou: 'If it was you, close this page. Opening it has changed nothing.',
  },
  stopped: {
    heading: 'This is stopped',
    lead: 'Since {at}: the temporary pass is cancelled, ways to sign in that were added after the mail no longer work, and the account is signed out everywhere.',
    already: 'It was stopped before. Pressing again has changed nothing.',
    next: 'Tell your help desk what happened. You sign in the way you did before; if you have none, the help desk gives you a new pass.',
    signIn: 'Sign in',
  },

  /** Plain text. They tell of an account and never hold a code; nobody is named but "an administrator". */
  mails: {
    account: 'Account: {user}',
    changed: 'Changed: {what}',
    when: 'When: {at}',
    notYou: 'If this was not you, or nobody agreed it with you, open this page and press the button there:',
    stops:
      'That cancels the temporary pass, suspends passkeys added since then, and signs the account out everywhere.\nThe link works until {until}. Opening the page changes nothing yet.',
    never: 'We never send a pass by mail, and nobody needs yours from you. This mail cannot be answered.',
    notices: {
      passIssued: {
        subject: 'You were given a temporary pass',
        happened:
          'An administrator made a temporary pass for your account. Whoever has it can create a passkey for you.',
        next: 'If you asked for it, there is nothing to do here: use the pass as you were told.',
      },
      passReplaced: {
        subject: 'You were given a new temporary pass',
        happened:
          'An administrator made a new temporary pass for your account. The one before no longer works. Whoever has the new one can create a passkey for you.',
        next: 'If you asked for it, there is nothing to do here: use the new pass as you were told.',
      },
      passUsed: {
        subject: 'Your temporary pass was used',
        happened: 'Somebody entered the temporary pass of your account, and can now create a passkey for it.',
        next: 'If that was you, there is nothing to do here.',
      },
      passRevoked: {
        subject: 'Your temporary pass was cancelled',
        happened: 'An administrator cancelled the temporary pass of your account. It no longer works.',
        next: 'If you still need one, ask your help desk.',
      },
      passkeyAdded: {
        subject: 'A passkey was added to your account',
        happened: 'A new passkey was added to your account. Whoever has it can sign in as you.',
        next: 'If that was you, there is nothing to do here.',
      },
      passkeyRemoved: {
        subject: 'A passkey was removed',
        happened: 'A passkey was removed from your account. It no longer signs you in.',
        next: 'If that was you, or you asked for it, there is nothing to do here.',
      },
      passkeySuspended: {
        subject: 'A passkey of yours was suspended',
        happened: 'A passkey of your account no longer works, because it may have been copied.',
        next: 'Tell your help desk. Other passkeys of yours work as before.',
      },
      passwordSet: {
        subject: 'A password was set on your account',
        happened: 'A password was set on your account. Your account had none before.',
        next: 'If that was you, there is nothing to do here.',
      },
      passwordChanged: {
        subject: 'The password of your account was changed',
        happened: 'The password of your account was changed. The one before no longer works.',
        next: 'If that was you, there is nothing to do here.',
      },
      passwordReset: {
        subject: 'The password of your account was reset',
        happened:
          'An administrator set a new password for your account, and signed you out everywhere. A password from before no longer works.',
        next: 'If you asked for it, sign in with it and change it in My security info.',
      },
      passwordRemoved: {
        subject: 'The password of your account was removed',
        happened: 'The password of your account was removed. Nobody can sign in with it any more.',
        next: 'If that was you, there is nothing to do here.',
      },
      passwordLocked: {
        subject: 'The password of your account was locked',
        happened:
          'Somebody entered a wrong password for your account many times in a row, so the password no longer works.',
        next: 'Passkeys work as before. Sign in with one and set a new password, or ask your help desk.',
      },
      passLocked: {
        subject: 'The temporary pass of your account was locked',
        happened:
          'Somebody entered a wrong temporary pass for your account many times in a row, so your pass no longer works.',
        next: 'If you still need it, ask your help desk for a new one.',
      },
      authenticatorAppLocked: {
        subject: 'The authenticator app of your account was locked',
        happened:
          'Somebody entered a wrong code of an authenticator app for your account many times in a row, after your password. Codes no longer work.',
        next: 'Passkeys work as before. Sign in with one, change your password, and remove and add the app again, or ask your help desk.',
      },
      authenticatorAppAdded: {
        subject: 'An authenticator app was added to your account',
        happened: 'An authenticator app was added to your account. Its codes can be used to sign in as you.',
        next: 'If that was you, there is nothing to do here.',
      },
      authenticatorAppRemoved: {
        subject: 'An authenticator app was removed',
        happened: 'An authenticator app was removed from your account. Its codes no longer work.',
        next: 'If that was you, there is nothing to do here.',
      },
      recoveryCodesMade: {
        subject: 'You have new recovery codes',
        happened:
          'Ten recovery codes were made for your account. Whoever has one can create a passkey for you. Those from before no longer work.',
        next: 'If that was you, keep them where nobody else looks.',
      },
      recoveryCodesRemoved: {
        subject: 'Your recovery codes were removed',
        happened: 'The recovery codes of your account were removed. They no longer work.',
        next: 'If that was you, there is nothing to do here.',
      },
      recoveryCodeUsed: {
        subject: 'One of your recovery codes was used',
        happened: 'Somebody entered a recovery code of your account, and can now create a passkey for it.',
        next: 'If that was you, there is nothing to do here.',
      },
      approvalAsked: {
        subject: 'A temporary pass waits for your approval',
        happened:
          'An administrator asked for a temporary pass for the account below. It is given when a second administrator approves; you are one who may.',
        next: 'Find out from whoever asked that it is right, then approve or reject it. After a day the request lapses.',
      },
      approvalGiven: {
        subject: 'The temporary pass you asked for was approved',
        happened: 'A second administrator approved the temporary pass you asked for.',
        next: 'Ask for the same pass again to get it. If you asked for none, tell your security team.',
      },
      approvalRefused: {
        subject: 'The temporary pass you asked for was rejected',
        happened: 'A second administrator rejected the temporary pass you asked for.',
        next: 'Talk to them. If you asked for none, tell your security team.',
      },
      operatorIssued: {
        subject: 'An administrator was given a temporary pass on the server',
        happened:
          'Somebody with access to the server gave the administrator below a temporary pass. No second administrator had to agree.',
        next: 'If nobody told you about it, find out who was on the server, and cancel the pass.',
      },
      manyFailures: {
        subject: 'Many sign-ins fail: somebody may be guessing codes',
        happened:
          'Far more sign-ins than usual failed within a minute, at one account or at many. Guesses are limited, and passkeys go on working.',
        next: 'Look at the failed sign-ins in the sign-in log, and at the addresses they come from. For an hour you get no more mails about it; the audit log has one entry for every such minute.',
      },
      containedWithin: {
        subject: 'Your account was secured',
        happened:
          'Somebody who is signed in as you said "this was not me" of something under "Recent activity". A temporary pass and recovery codes of your account were cancelled, what was added since then was suspended, and other browsers were signed out.',
        next: 'If that was you, tell your help desk what happened.',
      },
      methodsLost: {
        subject: 'You said that you lost a way to sign in',
        happened:
          'Somebody who came with a temporary pass or a recovery code said that ways to sign in to your account are lost. These no longer work, and the account was signed out everywhere else.',
        next: 'If that was you, there is nothing to do here. A passkey that you still have can stop this as well: sign in with it within 72 hours, and you are asked.',
      },
      methodSuspended: {
        subject: 'A way to sign in was suspended',
        happened: 'An administrator suspended a way to sign in to your account. It no longer works.',
        next: 'If you do not know why, ask your help desk.',
      },
      methodRestored: {
        subject: 'A way to sign in works again',
        happened: 'A way to sign in to your account that was suspended works again.',
        next: 'If that was you, or you asked for it, there is nothing to do here.',
      },
      reclaimed: {
        subject: 'Your account was secured with a passkey',
        happened:
          'A passkey of your account had been called lost. Somebody who holds it said "this was not me". It works again; temporary passes and recovery codes were cancelled, what was added since was suspended, and the account was signed out everywhere.',
        next: 'If that was not you, somebody has your device and can unlock it: tell your help desk now.',
      },
      disowned: {
        subject: 'Your account was secured: a linked sign-in was not yours',
        happened:
          'When you were asked whether your ways to sign in are still yours, a linked sign-in was called not yours. It was unlinked; temporary passes and recovery codes were cancelled, what was added since was suspended, and the account was signed out everywhere.',
        next: 'Tell your help desk what happened, also if it was not you who said so.',
      },
      containedByAdministrator: {
        subject: 'Your account was secured by an administrator',
        happened:
          'An administrator secured your account: temporary passes and recovery codes were cancelled, ways to sign in that were added lately were suspended, and the account was signed out everywhere.',
        next: 'If you do not know why, ask your help desk. You sign in with what you had before.',
      },
      identityLinked: {
        subject: 'Another sign-in was linked to your account',
        happened: 'Your account was linked with an account somewhere else. Whoever has that one can sign in as you.',
        next: 'If you expected that, there is nothing to do here.',
      },
      identityUnlinked: {
        subject: 'A linked sign-in was taken from your account',
        happened: 'Your account is no longer linked with an account you had somewhere else.',
        next: 'If you expected that, there is nothing to do here. What else you sign in with works as before.',
      },
      federationChanged: {
        subject: 'Whom people may sign in through was changed',
        happened:
          'An identity provider, or a domain whose people sign in at one, was added, changed or removed. Whoever runs such a provider says who its people are.',
        next: 'If nobody told you about it, find out who did it, and look at the audit log.',
      },
      contained: {
        subject: 'Your account was secured',
        happened:
          'Somebody with a mail of ours said "this was not me". The temporary pass of your account was cancelled, passkeys added since that mail were suspended, and the account was signed out everywhere.',
        next: 'Tell your help desk what happened, also if it was not you who said so.',
      },
    },
  },

  logout: {
    heading: 'Sign out?',
    asked: '{app} asks to sign you out here too.',
    lead: 'Signing out here also signs you out of the apps you opened with it.',
    told: '{app} is told that you have left it, whichever you choose.',
    confirm: 'Sign out',
    stay: 'Stay signed in',
  },
  loggedOut: {
    heading: 'You are signed out',
    lead: 'On a shared computer, close the browser as well.',
    headingOfApp: 'You have left {app}',
    leadOfApp: 'You are still signed in here.',
    signIn: 'Sign in again',
    securityInfo: 'My security info',
  },

  /** What the passkey script says. More than 95 % of these "errors" are people who changed their mind: no blame. */
  passkeyScript: {
    waiting: 'Follow your device…',
    notStarted: 'This browser would not start the passkey prompt. Try again, or use another browser.',
    notStartedToMake:
      'This browser would not start the passkey prompt. Try again, or keep the passkey on a phone or a security key.',
    notUsed: 'No passkey was used. You may have cancelled, or it may be on another device. You can try again.',
    notMade: 'No passkey was made. You may have cancelled. You can try again.',
    noPin: 'If your security key has no PIN, set one in your system’s security-key settings. Then try again.',
    timedOut: 'The prompt timed out. Try again.',
    already: 'This device already has a passkey for your account.',
    wrongSite: 'This site is set up wrongly for passkeys. It is not your fault.',
    unfit: 'That device cannot keep this kind of passkey. Try another one.',
    offline: 'We could not reach the server. Check your connection, then try again.',
    failed: 'Something went wrong. Try again in a minute.',
  },
} as const;

/** Ways to sign in that pages know the words of, in the order they are offered. */
export type MethodId = keyof typeof messages.methods;

/** The mistakes a page can show. */
export type ErrorId = keyof typeof messages.errors;

/** A problem page's words; values for its places come with it. */
export interface ProblemWords {
  readonly title: string;
  readonly sentences: readonly string[];
  readonly whatToDo: readonly string[];
}
