/**
 * Words that common passwords are made of: written by hand, after what published lists of leaked passwords have at their top.
 * Digits, years, keyboard runs and signs in the place of letters are no part of it: `weakness.ts` sees those by rule.
 */
export const commonWords: readonly string[] = `
  aaa aaron abc abcabc abcd abcde abcdef abracadabra abril access account acdc adam admin administrador administrator
  africa agosto airforce alejandra alejandro alex alexander alexandra alexis alohomora amanda amazon amber amen
  america american amsterdam andrea andrew android angel angela angelina angelo angels anna anne anthony antoine
  antonio anything aout apple apples april aragorn argentina army arsenal asdf asdfgh asdfghjkl ashley asshole athens
  audi august austin australia austria automne autumn autunno avengers avril awesome azerty baby babyboy babygirl
  backup bacon bad badboy badgirl bailey banana bank banker bar barbara barcelona baseball basketball batman battery
  bayern beach bear beatles beckham beer beijing bella ben benjamin benvenuto berlin best bestfriend better betty
  beyonce bible bienvenido bienvenue billy bird bitch bitcoin black blah blahblah blau blessed blink blue blume bmw
  bob bobby bonjour borussia boss boston boys brandon brasil brazil bread brian britain brittany broncos brother
  brown brussels budapest buddy bulls bunny burger business buster butter butterfly california callofduty camaro
  camila camille canada candy captain carlos carmen carol cash cats catwoman celtics change changeme charles charlie
  cheese cheetah chef chelsea cherry chevrolet chevy chicago chicken china chloe chocolate chris christ christian
  christine christopher church ciao cisco claudia clave cloud cocacola coco coffee coldplay college company computer
  contrasena cookie cool correct correcthorsebatterystaple corvette counterstrike cow cowboys cracker crazy cricket
  crypto crystal cupcake daddy daisy dallas dance dancer daniel daniela danke danny darling database dave david
  debbie december decembre default demo denmark deutschland dezember diamond diana diciembre dienstag dimanche doctor
  dodgers doggy dogs dollar dolphin dolphins donna donnerstag doom dortmund dragon driver dublin ducati duck
  dumbledore dylan eagle eagles earth edward eight elephant elizabeth elvis email emerald eminem emma employee enero
  england eric espana estate ete ethan euro europe everything facebook faith falcon familie family father febrero
  februar february felix fernando ferrari fevrier fighter finland fire firma firmen first firstlogin firstpass fish
  five florida flower flowers foo foobar foobar2000 football ford forest forever fortnite four france francisco
  frankfurt freddy freedom freitag friday friend friends frodo frueling fruhling fuck fucker fuckme fuckoff fuckyou
  funny fussball gabriel gabriela gamer gandalf garden garfield gast geheim general george germany giants ginger
  giraffe girl girls gladiator glory god godbless goku gold golden golf golfer good google grace gracias great green
  greenday gruen guest hacker hackers hallo halo hamburg hamster hannah hans happy harley harry harrypotter hawk
  heart hearts heather heaven helen hello helpdesk henry herbst hiver hobbit hockey hogwarts hola holland hollywood
  honda honey hongkong hope horse hotgirl hottie houston hulk hundred hungry hunter hunter2 hyundai ice ilove iloveme
  iloveu iloveyou india initial instagram internet inverno invierno iphone ipsum ireland ironmaiden ironman isabella
  island istanbul italia italy itsupport jack jacob jaguar james januar january janvier japan jasmine jason jedi
  jennifer jessica jesus jesuschrist jetaime jeudi jimmy job john johnny joiner jonas jordan jose joseph josh joshua
  juan juergen juillet juin juli julia julien julio july june juni junio justin juventus karen katherine kawasaki
  kevin keyboard killer kimberly king kiss kisses kitten kitty kiwi klaus knight koeln konto kyle lakers lamborghini
  laptop last lasvegas laura lawyer lazy lea league legends lemon lena leon leopard letmein liberty liebe lightning
  lily linda linkinpark linux lion lisa lisboa lisbon liverpool logan login logon london lord lorem love lovely
  loveme lover loveyou lucia lucky lukas luna lundi madonna madrid maerz magic magical mai mail major mama mami
  manager manchester mango maradona march mardi maria marie marine marines mario mark mars martin martina marz marzo
  maserati master matrix matt matthew max may mayo mazda melbourne melissa mellon melon mercedes merci mercredi
  merlin messi metallica mexico mia miami michael michelle microsoft miguel mike milano million millionaire milo
  minecraft miracle mitarbeiter mittwoch mobile molly mommy monday money monica monika monkey monkey123 monster
  montag moon moritz morning moscow moskva motdepasse mother mountain mouse muffin munchen munich mustang mynoob
  mypass mypassword mysql nala nancy naruto natalie natasha nathan navy ncc1701 neo netflix network netzwerk
  newjoiner newpassword newyork neymar nicholas nick nicolas nicole nine ninja nintendo nirvana nissan nobody noname
  none noob nopass nopassword norway nothing november novembre noviembre null number nurse ocean october octobre
  octubre oesterreich office okay oktober oldpassword oliver olivia onboarding one opensesame oracle orange osaka
  oscar osterreich otono packers panda panther papa paradise paris pass passat passphrase passw passwd password
  passwordpassword passwort pasta patricia patrick patriots paul peace peach peanut penis pepper pepsi personal peter
  peterpan petra phoenix phone pierre pig pikachu pink pirate pizza platinum playboy player playstation please
  pokemon poland police pony porn porsche portugal postgres potato potter power powerful prague primavera prince
  princess printemps printer private pubg pumpkin puppy purple pussy q1w2e3 qazwsx quake queen qweasd qwer qwerty
  qwertz rabbit racer rachel racing raiders rain rainbow ranger rangers realmadrid rebecca red redsox richard rihanna
  river robert roblox rocky roma rome ronaldo root rose rosebud roses rot router ruby rugby runner russia ruth ryan
  sabrina sadie safety sam samantha samedi samstag samsung samuel samurai sandra sapphire sara sarah saturday schalke
  schatz schatzi school schule schwarz schweiz scotland scott sean sebastian secret secreto secrets security
  september septembre septiembre server service sesame seven sex sexy shadow shanghai shark shazam shit shooter
  sicherheit silver simba simon singapore sister six sky skywalker sleepy slipknot smile smiley smokey snake sniper
  snoopy snow soccer sofia soldier somebody something sommer sonic sonntag sophie sorry spain spartan spider
  spiderman spirit spring staple star starcraft stars start starter starwars starwars1 steelers stefan stefanie
  stephanie stephen steve steven storm strawberry strong student subaru sugar summer sun sunday sunny sunshine super
  superman superuser support susan susanne suzuki sweden sweet sweetheart sweetie swimming swordfish sydney system
  teacher teamo temp temporary ten tennis tequiero tequila tesla test test123 tester testing texas thanks thepassword
  thomas thorsten thousand three thunder thursday thx1138 tiffany tiger tigger tim today tokyo tom tomato tommy
  tomorrow toor toyota trinity truck trust trustno trustno1 trustnoone tuesday turbo turkey turtle twitter two tyler
  ubuntu undefined unicorn united university unknown user username vader valentina vanessa vegas vegeta vendredi
  verano veronica victoria vienna viking violet vodka voldemort volkswagen volleyball warcraft wargames warrior
  warsaw wasd water wednesday weekend weiss welcome welkom whale whatever whiskey white whoami wien wifi william
  willkommen wind windows wine winter wizard wlan wolf wolfgang work worker xbox xxx xyz yamaha yankees yellow yes
  yoda yourpassword youtube zebra zelda zero zidane zuerich zurich zxcvbn zxcvbnm zzz
`
  .trim()
  .split(/\s+/);
